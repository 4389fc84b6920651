"""Images of a user's own: files of noise in class folders."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pcsearch.pc.data.own.image_source import ImageSource

Array = np.ndarray[Any, Any]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(pixels: Array, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def class_folders(folder: Path, classes: int = 2, each: int = 12, side: int = 8) -> Path:
    """A folder of class folders a, b, ... with images, all different."""
    for label in range(classes):
        for number in range(each):
            pixels = noise(side, side, 3, seed=label * each + number)
            put(folder, f"{chr(ord('a') + label)}/{number:03}.png", encoded(pixels))
    return folder


def read_all(
    source: ImageSource, shape: tuple[int, int, int]
) -> tuple[Array, Array, dict[str, str]]:
    """The images that can be read, in their order: pixels, labels, and why others cannot."""
    pixels = np.empty((source.count, *shape), dtype=np.uint8)
    labels, damaged = source.read(pixels, np.arange(source.count), lambda _: None)
    is_sound = labels >= 0
    return pixels[is_sound], labels[is_sound], damaged
