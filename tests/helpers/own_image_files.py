"""Images of a user's own: files of noise in class folders."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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
