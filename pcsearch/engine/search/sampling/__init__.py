"""The samplers of Optuna, which choose values for the searcher of ``bayes``, and what they need.

A module here knows studies and points, and no trial of Tune.
"""
