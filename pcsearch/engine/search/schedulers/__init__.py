"""Decides after each report whether a trial continues: ASHA, and the target of the search.

It suggests nothing, and knows no Optuna.
"""
