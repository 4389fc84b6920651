"""The running search on Tune: trials, restores, results, the watchdog, interruption.

It knows nothing of W&B.
"""
