"""The sizes of each data set, known without loading it; imports nothing heavy."""

from __future__ import annotations

from typing import NamedTuple


class DatasetSizes(NamedTuple):
    """The sizes of a data set.

    Args:
        image_shape: (C, S, S) of its images; synthetic ones can be made in any other shape.
        patch_size: the default patch size, in pixels.
        training_images: the number of its training images.
        classes: the number of its classes, which are numbered from 0.
    """

    image_shape: tuple[int, int, int]
    patch_size: int
    training_images: int
    classes: int


DATASETS: dict[str, DatasetSizes] = {
    "cifar10": DatasetSizes((3, 32, 32), 4, 50_000, 10),
    "cifar100": DatasetSizes((3, 32, 32), 4, 50_000, 100),
    "digits": DatasetSizes((1, 8, 8), 2, 1_400, 10),
    "fashion_mnist": DatasetSizes((1, 28, 28), 4, 60_000, 10),
    "mnist": DatasetSizes((1, 28, 28), 4, 60_000, 10),
    "svhn": DatasetSizes((3, 32, 32), 4, 73_257, 10),
    "synthetic": DatasetSizes((3, 32, 32), 4, 50_000, 10),
}
"""The data sets that have a name."""

EMBEDDED = frozenset({"digits", "synthetic"})
"""The data sets that need no file of the user and no download."""

OWN_IMAGE_SHAPE = (3, 32, 32)
"""(C, S, S) that images of the user's own are brought to where ``image_shape`` is left out."""

OWN_PATCH_SIZE = 4
"""Their default patch size, in pixels."""

HELD_OUT_PART = 5
"""One of so many images of the user's own is held out."""


def is_path(dataset: str) -> bool:
    """Whether a value of ``dataset`` is the path of images of the user's own, and no name."""
    return "/" in dataset or dataset.endswith((".npy", ".npz"))


def held_out_images(count: int) -> int:
    """How many of ``count`` images of the user's own are held out: two or more, to split them."""
    return max(2, count // HELD_OUT_PART)
