"""What the trials of a search run: the PC transformer, a program, or a function of the user.

It knows nothing of the search around the trial.
"""
