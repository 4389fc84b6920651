"""The PC transformer: its configuration, data, mathematics, training and evaluation.

It knows nothing of searches, of Ray or of W&B.
"""
