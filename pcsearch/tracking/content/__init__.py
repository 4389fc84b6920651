"""What a W&B run shows: rows, charts, files, alerts.

It knows nothing of W&B's server and of runs in progress.
"""
