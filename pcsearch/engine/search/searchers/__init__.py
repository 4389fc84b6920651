"""Suggests the configuration of each new trial: grid, random, bayes, and their replicates.

It stops no trial.
"""
