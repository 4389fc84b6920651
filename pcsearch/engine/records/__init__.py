"""What a search writes down: its options, its journal, and what became of each trial.

It knows no objects of Tune.
"""
