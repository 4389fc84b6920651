"""The distributions of W&B's sweeps: quantiles, grids, and the axis a searcher moves along.

It must not know files: whoever makes a distribution has checked its arguments.
"""
