"""Predicts what trials come to at their ends, from their learning curves so far.

It knows reports, and neither Optuna nor Tune.
"""
