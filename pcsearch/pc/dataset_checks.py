"""Checks the fields of the data against the data set; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from pcsearch.pc.dataset_sizes import DATASETS, is_path

Conflict = tuple[str, str]
"""A field, and what is wrong with it."""


def name_or_path(dataset: str) -> str:
    """A value of ``dataset`` as it is.

    Raises:
        PydanticCustomError: it is no name of a data set, and no path.
    """
    if dataset in DATASETS or (is_path(dataset) and "\0" not in dataset):
        return dataset
    known = ", ".join(map(repr, DATASETS))
    message = f"should be {known}, or the path of your own images, such as './images'"
    raise PydanticCustomError("dataset", "{message}", {"message": message})


def shape_conflicts(
    dataset: str, image_shape: tuple[int, int, int], patch_size: int, use_cifar10_norm: bool
) -> Iterator[Conflict]:
    """What is wrong with the shape and the normalisation of images, by fields of ModelConfig."""
    sizes = DATASETS.get(dataset)
    channels, height, width = image_shape
    if sizes is not None and dataset != "synthetic" and image_shape != sizes.image_shape:
        expected = list(sizes.image_shape)
        yield "image_shape", f"{dataset} images are {expected}, got {list(image_shape)}"
    elif sizes is None and channels not in (1, 3):
        yield "image_shape", f"your own images have 1 or 3 channels, got {list(image_shape)}"
    elif height != width:
        yield "image_shape", f"images are square, got {list(image_shape)}"
    elif height % patch_size:
        yield (
            "patch_size",
            f"{patch_size} does not divide the image's {height} pixels ({dataset})",
        )
    if dataset != "cifar10" and use_cifar10_norm:
        yield (
            "use_cifar10_norm",
            f"true is for dataset cifar10; {dataset} images stay in [0, 1]",
        )


def size_conflicts(
    dataset: str,
    train_subset: int,
    batch_size: int,
    target_class: int | None,
    has_probe: bool,
    sizes: tuple[int, int] | None = None,
) -> Iterator[Conflict]:
    """What does not fit the sizes of a data set, by fields of ModelConfig.

    Args:
        dataset: its name, or the path of the user's own images.
        train_subset: the field of this name.
        batch_size: the field of this name.
        target_class: the field of this name.
        has_probe: whether there is a linear probe.
        sizes: the numbers of training images and classes of the user's own images, None where
            nobody has looked at them.
    """
    if dataset in DATASETS:
        sizes = DATASETS[dataset].training_images, DATASETS[dataset].classes
    available = train_subset
    if sizes is not None:
        training_images, classes = sizes
        available = min(train_subset, training_images)
        if target_class is not None and target_class >= classes:
            yield "target_class", f"classes are 0 to {classes - 1}, got {target_class}"
        if classes == 1 and has_probe:
            yield (
                "linear_probe_every_n_epochs",
                f"a probe has nothing to tell apart: the images of {dataset} have one class",
            )
    if batch_size > available:
        yield (
            "batch_size",
            f"{batch_size} is more than the {available} training images "
            f"({dataset}, train_subset {train_subset})",
        )
