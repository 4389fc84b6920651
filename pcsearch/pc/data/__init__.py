"""The image data sets, their files and downloads, and the augmentation of training images.

It knows nothing of the model.
"""
