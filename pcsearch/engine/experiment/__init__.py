"""What a search is before it runs: new, resumed, planned or warm-started.

It knows no running Tune.
"""
