"""What a run does when: its learning rates, evaluations, early stopping and saved models.

It knows numbers of epochs, steps and metrics, and no tensors.
"""
