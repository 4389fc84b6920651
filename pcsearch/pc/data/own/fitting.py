"""Brings an image of any size and kind to the shape that a model takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_TRANSPARENT_MODES = ("LA", "PA", "RGBA")
_LARGE = 2**22
"""Pixels of an image that is made smaller by whole pixels before it is resized."""
_BAND = 2**20
"""The pixels that are converted at a time: what they need at once is many times as large."""


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
    from PIL import Image

    # Whole pixels: where the sides differ by an odd number, the square has halves at its borders.
    left, top = max(0, image.width - image.height) // 2, max(0, image.height - image.width) // 2
    width, height = image.width - 2 * left, image.height - 2 * top
    square = min(width, height)
    factor = 1 if width * height <= _LARGE else max(1, square // (2 * image_shape[1]))
    middle = left, top, left + width, top + height
    small = _plain(image, middle, "L" if image_shape[0] == 1 else "RGB", factor)
    x, y = (width - square) / 2, (height - square) / 2
    box = x / factor, y / factor, (x + square) / factor, (y + square) / factor
    values = np.asarray(small.resize(image_shape[1:], Image.Resampling.BICUBIC, box))
    return values.reshape(*image_shape[1:], image_shape[0]).transpose(2, 0, 1)


def _plain(
    image: Image.Image, part: tuple[int, int, int, int], mode: str, factor: int
) -> Image.Image:
    """A part of an image in another mode, on white, with sides that are smaller by a factor."""
    from PIL import Image

    left, top, right, bottom = part
    width, height = right - left, bottom - top
    plain = Image.new(mode, (math.ceil(width / factor), math.ceil(height / factor)))
    rows = max(1, _BAND // width // factor) * factor
    for row in range(0, height, rows):
        band = image.crop((left, top + row, right, min(top + row + rows, bottom)))
        band = _on_white(_eight_bits(band)).convert(mode)
        plain.paste(band.reduce(factor), (0, row // factor))
    return plain


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode not in _TRANSPARENT_MODES and "transparency" not in image.info:
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits for each value; Pillow would cut larger values off at 255."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its values are floats, which have no known range")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("its values are not from 0 to 65,535")
    return Image.fromarray(((values * 255 + 0x7FFF) // 0xFFFF).astype(np.uint8))
