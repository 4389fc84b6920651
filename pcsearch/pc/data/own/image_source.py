"""The interface of a place that has images of the user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pcsearch.pc.data.progress import Advance


class ImageSource(ABC):
    """Images at a path, which are counted and not yet read.

    Args:
        path: where they are.
        classes: the number of classes, numbered from 0; one where the images have no labels.
        stamp: a text that changes where the images change.
        notes: what the user should know, a line each.
    """

    path: Path
    classes: int
    stamp: str
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def count(self) -> int:
        """The number of images, damaged ones included."""

    @abstractmethod
    def read(
        self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], advance: Advance
    ) -> tuple[NDArray[np.int64], dict[str, str]]:
        """Read the images, and write each, resized, to its place.

        Args:
            pixels: (count, C, S, S), of which the rows are written.
            rows: (count,), each image's row of ``pixels``.
            advance: is told how many images more were read.

        Returns:
            The images' labels, (count,), -1 for those that cannot be read; and the reasons why they
            cannot, by their names.

        Raises:
            OSError: a file cannot be read, which says nothing about its content.
            ValueError: nothing can be read.
        """
