"""What to try next and what to stop: search spaces, samplers, searchers, ASHA, the target.

It knows no files and no clusters.
"""
