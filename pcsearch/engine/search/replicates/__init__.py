"""Races configurations whose runs differ in their seed only.

It knows what runs came to, and neither Optuna nor Tune.
"""
