"""Images of the user's own: found in a folder or an array, made fit, and kept for all trials.

It must not know the published data sets and the splits.
"""
