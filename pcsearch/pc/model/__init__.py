"""The mathematics of the PC transformer: predictions, energy, inference and learning of one batch.

It knows nothing of data sets, epochs, evaluations or files.
"""
