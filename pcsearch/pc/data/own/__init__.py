"""Images of the user's own: found in a folder or an array, made fit, and kept for all trials.

This room knows nothing of the published data sets and of splits.
"""
