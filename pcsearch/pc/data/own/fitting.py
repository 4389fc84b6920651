"""Brings an image of any size and kind to the shape that a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

LARGEST_PIXELS = 2**30 // 4 // 3
"""The most pixels of an image: more is taken for an attempt to fill the memory, as by Pillow."""

_TRANSPARENT_MODES = ("LA", "PA", "RGBA")


def check_pixels(width: int, height: int) -> None:
    """Check the size of an image before its pixels are in memory.

    Raises:
        ValueError: it is absurdly large.
    """
    if width * height > LARGEST_PIXELS:
        raise ValueError(
            f"it has {width:,} x {height:,} pixels, and at most {LARGEST_PIXELS:,} are allowed"
        )


def fit(image: Image.Image, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The middle square of an image, resized.

    Args:
        image: of any size; transparent parts become white.
        image_shape: (C, S, S), C of 1 (grey) or 3 (red, green and blue).

    Returns:
        (C, S, S).

    Raises:
        ValueError: the image is of a kind that cannot be converted.
    """
    from PIL import Image, ImageOps

    image = _eight_bits(image)
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert("L" if image_shape[0] == 1 else "RGB")
    if image.size != image_shape[1:]:
        image = ImageOps.fit(image, image_shape[1:], method=Image.Resampling.BICUBIC)
    values = np.asarray(image, dtype=np.uint8)
    return values.reshape(*image_shape[1:], image_shape[0]).transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits for each value; Pillow would cut larger values off at 255."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its values are floats, which have no known range")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("its values are not from 0 to 65,535")
    return Image.fromarray(((values * 255 + 0x7FFF) // 0xFFFF).astype(np.uint8))
