"""Loads data sets by name or path, and the splits that a configuration asks for.

A data set has a training and a held-out pool. Each is put in one order that never changes, so a
subset is a fixed set of images, whatever the run's seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data import digits, published, synthetic
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.images import Images, Splits
from pcsearch.pc.data.own import own_images
from pcsearch.pc.dataset_sizes import DATASETS, held_out_images, is_path
from pcsearch.pc.seeds import DATA_SEED, generator

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_DEVIATION = (0.2023, 0.1994, 0.2010)
HELD_OUT_SYNTHETIC = 10_000


class Pool(NamedTuple):
    """The images that splits are chosen from.

    Args:
        labels: (M,) int64.
        pixels: takes indices, (B,) int64, and returns (B, C, S, S) uint8.
        is_shuffled: whether the images are in an order by chance already.
    """

    labels: Tensor
    pixels: Callable[[Tensor], Tensor]
    is_shuffled: bool = False


class Pools(NamedTuple):
    """The pools of a data set, the number of its classes, and notes for the user."""

    training: Pool
    held_out: Pool
    classes: int
    notes: tuple[str, ...] = ()


def load(
    name: str,
    *,
    data_dir: Path,
    image_shape: tuple[int, int, int],
    train_subset: int,
    test_subset: int,
    validation_subset: int,
    target_class: int | None,
    use_cifar10_norm: bool,
    progress: bool = False,
) -> Splits:
    """Load the three splits of a data set.

    Args:
        name: of the data set, one of `DATASETS`, or the path of images of the user's own.
        data_dir: the folder of the published data sets, which are downloaded into it where they
            are missing.
        image_shape: (C, S, S) of synthetic images, and what the user's own are resized to.
        train_subset: the most training images.
        test_subset: the most test images; never more than half of the held-out pool.
        validation_subset: the most validation images, of the rest of the held-out pool.
        target_class: use the images of this class only; None for all classes.
        use_cifar10_norm: normalise CIFAR-10 by its own mean and deviation, else by 0.5 and 0.5.
        progress: whether a download, or the reading of the user's images, shows a progress bar.

    Raises:
        PcsearchError: the images cannot be loaded, or a split would be empty.
    """
    pools = _source(name, data_dir, image_shape, progress)
    subsets = train_subset, test_subset, validation_subset
    train, validation, test = _indices(name, pools, subsets, target_class)
    mean, deviation = _normalisation(name, image_shape[0], use_cifar10_norm)

    def images(pool: Pool, indices: Tensor) -> Images:
        return Images(pool.pixels(indices), pool.labels[indices], mean, deviation)

    return Splits(
        train=images(pools.training, train),
        validation=images(pools.held_out, validation),
        test=images(pools.held_out, test),
        classes=pools.classes,
        notes=pools.notes,
    )


def load_splits(config: ModelConfig, *, progress: bool = False) -> Splits:
    """Load the images that a configuration asks for, after a download where need be.

    Raises:
        PcsearchError: the images cannot be loaded, a split would be empty, or the configuration
            does not fit images of the user's own.
    """
    splits = load(
        config.dataset,
        data_dir=Path(config.data_dir),
        image_shape=config.image_shape,
        train_subset=config.train_subset,
        test_subset=config.test_subset,
        validation_subset=config.validation_subset,
        target_class=config.target_class,
        use_cifar10_norm=config.use_cifar10_norm,
        progress=progress,
    )
    _check_sizes(config, len(splits.train), splits.classes)
    return splits


def load_pools(config: ModelConfig, *, progress: bool = False) -> Pools:
    """Load the pools that the splits of a configuration are chosen from.

    Raises:
        PcsearchError: the images cannot be loaded.
    """
    return _source(config.dataset, Path(config.data_dir), config.image_shape, progress)


def training_images(pools: Pools, config: ModelConfig) -> int:
    """The number of training images that a configuration asks for, of its pools.

    Raises:
        PcsearchError: as `load_splits` does, where a split would be empty or does not fit.
    """
    subsets = config.train_subset, config.test_subset, config.validation_subset
    train, _, _ = _indices(config.dataset, pools, subsets, config.target_class)
    _check_sizes(config, len(train), pools.classes)
    return len(train)


def no_images(config: ModelConfig) -> Images:
    """No image at all: it normalises others as those of a configuration's data set are."""
    mean, deviation = _normalisation(config.dataset, config.image_shape[0], config.use_cifar10_norm)
    pixels = torch.empty(0, *config.image_shape, dtype=torch.uint8)
    return Images(pixels, torch.empty(0, dtype=torch.int64), mean, deviation)


def _check_sizes(config: ModelConfig, count: int, classes: int) -> None:
    """Check a configuration against images of the user's own, of which so many are for training."""
    if not is_path(config.dataset):
        return
    conflicts = config.size_conflicts((count, classes))
    if problems := [Problem(message, key=key) for key, message in conflicts]:
        raise PcsearchError(problems)


def _source(name: str, data_dir: Path, image_shape: tuple[int, int, int], progress: bool) -> Pools:
    if is_path(name):
        return _own(Path(name), image_shape, progress)
    classes = DATASETS[name].classes
    match name:
        case "digits":
            training, held_out = _digits().split(DATASETS["digits"].training_images)
        case "synthetic":
            return Pools(
                _rendered(image_shape, DATASETS["synthetic"].training_images, 0),
                _rendered(image_shape, HELD_OUT_SYNTHETIC, 1),
                classes,
            )
        case _:
            training, held_out = published.load(release(name), data_dir, progress=progress)
    return Pools(_stored(training), _stored(held_out), classes)


def _own(path: Path, image_shape: tuple[int, int, int], progress: bool) -> Pools:
    """The user's own images, of which the same ones are held out whatever the run's seed."""
    arrays, classes, notes = own_images.load(path, image_shape, progress=progress)
    held_out, training = arrays.split(held_out_images(len(arrays.labels)))
    return Pools(_mapped(training), _mapped(held_out), classes, notes)


def _mapped(arrays: Arrays) -> Pool:
    """A pool of shuffled images, of which a split is a view: its memory stays that of the cache."""

    def pixels(indices: Tensor) -> Tensor:
        first, last = int(indices[0]), int(indices[-1])
        is_run = last - first + 1 == len(indices)
        return arrays.pixels[first : last + 1] if is_run else arrays.pixels[indices]

    return Pool(arrays.labels, pixels, is_shuffled=True)


def release(name: str) -> published.Release:
    """The published data set of a name."""
    from pcsearch.pc.data import cifar, idx, svhn

    releases = (cifar.CIFAR10, cifar.CIFAR100, idx.FASHION_MNIST, idx.MNIST, svhn.SVHN)
    return next(each for each in releases if each.name == name)


def _stored(arrays: Arrays) -> Pool:
    return Pool(arrays.labels, lambda indices: arrays.pixels[indices])


def _rendered(image_shape: tuple[int, int, int], count: int, number: int) -> Pool:
    def pixels(indices: Tensor) -> Tensor:
        return torch.from_numpy(synthetic.render(indices.numpy(), image_shape, number))

    return Pool(torch.from_numpy(synthetic.labels(count)), pixels)


# Loading takes 0.1 s, and trials run one after the other in one process.
@cache
def _digits() -> Arrays:
    """The 1,797 handwritten digits of scikit-learn, shuffled: its file groups their writers."""
    values, labels = digits.load()
    pixels = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    order = torch.randperm(len(labels), generator=generator(DATA_SEED, "digits"))
    return Arrays(torch.from_numpy(pixels)[order], torch.from_numpy(labels)[order])


def _indices(
    name: str, pools: Pools, subsets: tuple[int, int, int], target_class: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The indices of the training, validation and test images in their pools.

    Args:
        name: of the data set.
        pools: of the data set.
        subsets: the most training, test and validation images.
        target_class: the only class to take; None for all.

    Raises:
        PcsearchError: a split would be empty.
    """
    candidates = _ordered(pools.training, target_class)
    others = _ordered(pools.held_out, target_class)
    tests = min(subsets[1], len(others) // 2)
    validations = min(subsets[2], len(others) - tests)
    chosen = candidates[: subsets[0]], others[:validations], others[len(others) - tests :]
    for indices, split in zip(chosen, ("training", "validation", "test"), strict=True):
        if not len(indices):
            of_class = "" if target_class is None else f" of target_class {target_class}"
            raise PcsearchError(f"{name}: there are no {split} images{of_class}")
    return chosen


def _ordered(pool: Pool, target_class: int | None) -> Tensor:
    """The pool's indices, (M,), in the order of subsets; only those of the target class, if any."""
    count = len(pool.labels)
    shuffled = torch.randperm(count, generator=generator(DATA_SEED, "subsets"))
    order = torch.arange(count) if pool.is_shuffled else shuffled
    if target_class is None:
        return order
    return order[pool.labels[order] == target_class]


def _normalisation(
    name: str, channels: int, use_cifar10_norm: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if name != "cifar10":
        return (0.0,) * channels, (1.0,) * channels
    if use_cifar10_norm:
        return CIFAR10_MEAN, CIFAR10_DEVIATION
    return (0.5,) * channels, (0.5,) * channels
