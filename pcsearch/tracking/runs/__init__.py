"""W&B's runs of a search: when each starts, gets its rows and ends, in threads.

It knows nothing of Tune.
"""
