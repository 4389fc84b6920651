"""Bounds the pixels of an image, and of those that threads have in memory at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

LARGEST_PIXELS = 2**30 // 4 // 3
"""The most pixels of an image: more is taken for an attempt to fill the memory, as by Pillow."""


def check_pixels(width: int, height: int) -> None:
    """Check the size of an image before its pixels are in memory.

    Raises:
        ValueError: it is absurdly large.
    """
    if width * height > LARGEST_PIXELS:
        raise ValueError(
            f"it has {width:,} x {height:,} pixels, and at most {LARGEST_PIXELS:,} are allowed"
        )


class PixelBudget:
    """So many pixels, of which threads take what they need and give it back."""

    def __init__(self, pixels: int) -> None:
        self._left = pixels
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until so many are left, at most all, and have them until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: pixels <= self._left)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()
