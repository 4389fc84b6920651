"""The language of W&B's sweep files: read and checked whole, then grids and draws of it.

It must not know what runs a search: no Ray, no Optuna, no torch, no W&B.
"""
