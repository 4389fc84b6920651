"""Requests to W&B's server: the credentials, the mode of the runs, sweeps.

It knows nothing of runs.
"""
