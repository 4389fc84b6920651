"""Published data sets other than CIFAR-10, but small: their archives as bytes."""

from __future__ import annotations

import gzip
import io
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from cifar10_files import archive_of, md5, pickled
from scipy.io import savemat

from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.cifar import cifar100
from pcsearch.pc.data.idx import FASHION_MNIST, MNIST, Idx
from pcsearch.pc.data.published import Archive, Release
from pcsearch.pc.data.svhn import SVHN, Svhn

COUNTS = (110, 20)
Array = np.ndarray[Any, Any]


def drawn(release: Release, seed: int = 0) -> tuple[Array, Array]:
    """Pixels, (M, C, S, S), and labels, (M,), of all training and test images of a small set."""
    random = np.random.default_rng(seed)
    count = sum(COUNTS)
    pixels = random.integers(0, 256, (count, *release.sizes.image_shape), dtype=np.uint8)
    return pixels, np.arange(count) % release.sizes.classes


def idx(values: Array) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.astype(np.uint8).tobytes(), mtime=0)


def _idx_files(release: Release) -> list[bytes]:
    pixels, labels = drawn(release)
    border = COUNTS[0]
    parts = (pixels[:border], labels[:border], pixels[border:], labels[border:])
    return [idx(part.squeeze(1) if part.ndim > 1 else part) for part in parts]


def matlab(pixels: Array, labels: Array) -> bytes:
    """A file as SVHN has it: the digit 0 has the label 10."""
    content = io.BytesIO()
    numbers = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
    savemat(content, {"X": pixels.transpose(2, 3, 1, 0), "y": numbers}, do_compression=True)
    # The first 116 bytes have the time, and files that are made twice have one sum.
    return b"MATLAB 5.0 MAT-file".ljust(116) + content.getvalue()[116:]


def _matlab_files(release: Release) -> list[bytes]:
    pixels, labels = drawn(release)
    border = COUNTS[0]
    return [matlab(pixels[:border], labels[:border]), matlab(pixels[border:], labels[border:])]


def fine_pickled(pixels: Array, labels: list[int]) -> bytes:
    return pickled(pixels, labels, b"fine_labels")


def _cifar100_files(release: Release) -> list[bytes]:
    pixels, labels = drawn(release)
    flat, border = pixels.reshape(len(pixels), -1), COUNTS[0]
    files = {
        "train": fine_pickled(flat[:border], labels[:border].tolist()),
        "test": fine_pickled(flat[border:], labels[border:].tolist()),
    }
    return [archive_of("cifar-100-python", files)]


def _small_cifar100(archives: tuple[Archive, ...], url: str) -> Release:
    return cifar100(archives[0], url=url, counts=COUNTS)


def _small(published: Idx | Svhn) -> Callable[[tuple[Archive, ...], str], Release]:
    return lambda archives, url: replace(published, archives=archives, url=url, counts=COUNTS)


PUBLISHED: dict[str, tuple[Release, Callable[[Release], list[bytes]], Any]] = {
    "cifar100": (
        cifar100(Archive("cifar-100-python.tar.gz", "0")),
        _cifar100_files,
        _small_cifar100,
    ),
    "fashion_mnist": (FASHION_MNIST, _idx_files, _small(FASHION_MNIST)),
    "mnist": (MNIST, _idx_files, _small(MNIST)),
    "svhn": (SVHN, _matlab_files, _small(SVHN)),
}


def small(name: str, url: str = "http://127.0.0.1:1/") -> tuple[Release, dict[str, bytes]]:
    """A small release of a data set, and its archives by their paths."""
    published, make, build = PUBLISHED[name]
    contents = make(published)
    archives = tuple(
        Archive(archive.path, md5(content))
        for archive, content in zip(published.archives, contents, strict=True)
    )
    paths = (archive.path for archive in archives)
    return build(archives, url), dict(zip(paths, contents, strict=True))


def assert_are(pools: tuple[Arrays, Arrays], release: Release) -> None:
    """Check that loaded images are those that `drawn` has."""
    pixels, labels = drawn(release)
    assert [len(pool.labels) for pool in pools] == list(COUNTS)
    assert math.prod(pools[0].pixels.shape[1:]) == math.prod(release.sizes.image_shape)
    assert np.array_equal(np.concatenate([pool.pixels.numpy() for pool in pools]), pixels)
    assert np.array_equal(np.concatenate([pool.labels.numpy() for pool in pools]), labels)
