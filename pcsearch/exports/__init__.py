"""Writes what a search has found for other programs: tables, sweep files, Optuna, TensorBoard.

This package reads the results of a search, and knows nothing of a running one.
"""
