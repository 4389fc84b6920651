"""The sizes of each data set, known without loading it; imports nothing heavy."""

from __future__ import annotations

CLASSES = 10

IMAGE_SHAPES: dict[str, tuple[int, int, int]] = {
    "digits": (1, 8, 8),
    "cifar10": (3, 32, 32),
    "synthetic": (3, 32, 32),
}
"""(C, S, S) of the images; synthetic ones can be made in any other shape."""

PATCH_SIZES: dict[str, int] = {"digits": 2, "cifar10": 4, "synthetic": 4}
"""The default patch size, in pixels."""

TRAINING_POOLS: dict[str, int] = {"digits": 1_400, "cifar10": 50_000, "synthetic": 50_000}
"""The number of training images."""
