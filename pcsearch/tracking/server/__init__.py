"""Requests to W&B's server: the credentials, the mode of the runs, sweeps, what it has of a run.

It knows nothing of the runs of this process.
"""
