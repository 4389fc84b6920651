"""What W&B's server is asked: the log-in, the mode, sweeps.

It knows nothing of runs.
"""
