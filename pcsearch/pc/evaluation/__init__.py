"""The evaluations of a model: validation, linear probe and reconstructions of held-out images.

It knows nothing of when they take place, and changes nothing of the training.
"""
