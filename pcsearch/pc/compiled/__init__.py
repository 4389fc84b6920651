"""The gradient of the blocks in C: compiled once on each node, and called with tensors.

It knows shapes and pointers, and nothing of the model, the data or the training.
"""
