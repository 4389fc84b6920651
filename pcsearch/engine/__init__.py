"""The search itself, on Ray Tune: each folder is a wing, and imports run from execution downwards.

It knows nothing of W&B.
"""
