"""Generates images of coloured shapes in ten classes; image i depends only on i and its pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcsearch.pc.dataset_sizes import DATASETS

CLASSES = DATASETS["synthetic"].classes

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats, Floats], Floats]

_CHUNK = 1024


def labels(count: int) -> NDArray[np.int64]:
    """The classes of images 0 to ``count`` - 1, (count,) int64: all ten equally often."""
    return np.arange(count, dtype=np.int64) % CLASSES


def render(
    indices: NDArray[np.int64], image_shape: tuple[int, int, int], pool: int
) -> NDArray[np.uint8]:
    """The images at ``indices`` of a pool.

    Args:
        indices: (M,) positions in the pool, each >= 0.
        image_shape: (C, S, S), S >= 4.
        pool: the number of the pool; two pools have no image in common.

    Returns:
        (M, C, S, S) uint8.
    """
    images = np.empty((len(indices), *image_shape), dtype=np.uint8)
    # In chunks: the floats of a whole pool would take many times the memory of its bytes.
    for start in range(0, len(indices), _CHUNK):
        images[start : start + _CHUNK] = _render(indices[start : start + _CHUNK], image_shape, pool)
    return images


def _render(
    indices: NDArray[np.int64], image_shape: tuple[int, int, int], pool: int
) -> NDArray[np.uint8]:
    channels, size, _ = image_shape
    draws = _uniform(indices, pool, 5 + 3 * channels)
    radius = (0.26 + 0.14 * draws[:, 0]) * size
    centres = (0.4 + 0.2 * draws[:, 1:3]) * size
    tilt = draws[:, 3:5] - np.float32(0.5)
    shades = draws[:, 5:].reshape(len(indices), 3, channels, 1, 1)

    axis = np.arange(size, dtype=np.float32) + np.float32(0.5)
    across = (axis - centres[:, :1]) / radius[:, None]
    down = (axis - centres[:, 1:]) / radius[:, None]
    covered = _coverage(across[:, None, :], down[:, :, None], radius, indices % CLASSES)

    slope = (
        tilt[:, :1, None] * (axis / size - 0.5) + tilt[:, 1:, None] * (axis / size - 0.5)[:, None]
    )
    # The shape is always brighter: else the sign of the contrast would tell classes apart.
    ground = 0.45 * shades[:, 0] + 0.3 * shades[:, 1] * slope[:, None]
    shape = 0.5 + 0.5 * shades[:, 2]
    mixed = ground + covered[:, None] * (shape - ground)
    return np.rint(255 * mixed.clip(0, 1)).astype(np.uint8)


def _uniform(indices: NDArray[np.int64], pool: int, count: int) -> Floats:
    """(M, count) numbers in [0, 1), hashed (splitmix64) from pool, index and column."""
    column = np.arange(count, dtype=np.uint64)
    key = indices.astype(np.uint64)[:, None] * np.uint64(count) + column
    key = (key + (np.uint64(pool + 1) << np.uint64(48))) * np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    return (key >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def _coverage(u: Floats, v: Floats, radius: Floats, classes: NDArray[np.int64]) -> Floats:
    """How much of each pixel the shape covers: (M, S, S) in [0, 1].

    ``u`` (M, 1, S) and ``v`` (M, S, 1) are the pixels' places in radii from the shape's centre,
    ``radius`` (M,) is in pixels.
    """
    covered = np.empty((len(classes), v.shape[1], u.shape[2]), dtype=np.float32)
    for number, shape in enumerate(_SHAPES):
        of_class = classes == number
        outside = shape(u[of_class], v[of_class])
        covered[of_class] = (0.5 - outside * radius[of_class, None, None]).clip(0, 1)
    return covered


# Each shape gives the distance of a place to its edge, in radii; negative inside.


def _box(u: Floats, v: Floats) -> Floats:
    return np.maximum(np.abs(u), np.abs(v)) - 0.9


def _disc(u: Floats, v: Floats) -> Floats:
    return np.sqrt(u * u + v * v) - 1


def _ring(u: Floats, v: Floats) -> Floats:
    return np.abs(np.sqrt(u * u + v * v) - 0.75) - 0.25


def _triangle(u: Floats, v: Floats) -> Floats:
    return np.maximum(v - 0.8, (2 * np.abs(u) - v - 1) / 2)


def _diamond(u: Floats, v: Floats) -> Floats:
    return (np.abs(u) + np.abs(v) - 1.1) / 1.4


def _plus(u: Floats, v: Floats) -> Floats:
    return np.maximum(np.minimum(np.abs(u), np.abs(v)) - 0.3, np.maximum(np.abs(u), np.abs(v)) - 1)


def _saltire(u: Floats, v: Floats) -> Floats:
    return _plus((u + v) / 1.4, (u - v) / 1.4)


def _bars(u: Floats, v: Floats) -> Floats:
    return np.maximum(_box(u, v), 0.3 - np.abs(v))


def _columns(u: Floats, v: Floats) -> Floats:
    return np.maximum(_box(u, v), 0.3 - np.abs(u))


def _checks(u: Floats, v: Floats) -> Floats:
    return np.maximum(_box(u, v), -np.sign(u * v) * np.minimum(np.abs(u), np.abs(v)))


_SHAPES: tuple[Shape, ...] = (
    _disc,
    _box,
    _triangle,
    _plus,
    _ring,
    _bars,
    _columns,
    _diamond,
    _saltire,
    _checks,
)
