"""Labelled images in two plain files, which processes map into memory together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from pcsearch.system.whole_files import replacing

Labels = NDArray[np.int64]


class Arrays(NamedTuple):
    """Images, (M, C, S, S) uint8, and their labels, (M,) int64."""

    pixels: Tensor
    labels: Tensor

    def split(self, border: int) -> tuple[Arrays, Arrays]:
        """The images before a position, and those from it on."""
        return (
            Arrays(self.pixels[:border], self.labels[:border]),
            Arrays(self.pixels[border:], self.labels[border:]),
        )


@dataclass(frozen=True)
class ArrayCache:
    """A folder's files with the images of one data set.

    Args:
        folder: where the files are. It need not exist.
        name: of the data set; processes that write its files wait for one another.
        version: what the content depends on, as a part of the files' names.
        image_shape: (C, S, S) of the images.
        classes: the number of classes.
        count: M, the number of images; None where it is known from the files alone.
    """

    folder: Path
    name: str
    version: str
    image_shape: tuple[int, int, int]
    classes: int
    count: int | None = None

    def file(self, content: str) -> Path:
        """The path of one of the cache's files."""
        return self.folder / f"{self.name}-{self.version}-{content}"

    @property
    def _files(self) -> tuple[Path, Path]:
        return self.file("pixels.npy"), self.file("labels.npy")

    @property
    def is_written(self) -> bool:
        """Whether the files are there."""
        return all(path.exists() for path in self._files)

    def read(self) -> Arrays | None:
        """The images; None where the files are missing or damaged."""
        try:
            # Mapped files are in memory once for all processes. torch asks for writable memory:
            # "c", which leaves the files as they are.
            pixels, labels = (np.lib.format.open_memmap(path, mode="c") for path in self._files)
        # A damaged header raises almost anything.
        except Exception:
            return None
        count = len(labels) if self.count is None and labels.ndim else self.count
        if not count or pixels.shape[1:] != self.image_shape or pixels.dtype != np.uint8:
            return None
        # The rows after the last label are of images that could not be read.
        if labels.shape != (count,) or len(pixels) < count or labels.dtype != np.int64:
            return None
        if labels.min() < 0 or labels.max() >= self.classes:
            return None
        return _first(pixels, labels)

    def read_or_build(self, build: Callable[[OSError | None], Arrays]) -> Arrays:
        """The images of the files; where there are none, those of ``build``, which are then kept.

        Processes that ask at the same time build once.

        Args:
            build: makes the images. It takes the error where the folder cannot be written, and
                otherwise None.
        """

        def make(obstacle: OSError | None) -> Arrays:
            built = build(obstacle)
            if obstacle is not None:
                return built
            # The disk may be full. The images are in memory, and the next one to ask tries again.
            with suppress(OSError):
                for path, content in zip(self._files, built, strict=True):
                    with replacing(path) as file:
                        np.save(file, content.numpy(), allow_pickle=False)
            return self.read() or built

        return self._found_or_made(make)

    def read_or_fill(self, count: int, fill: Callable[[NDArray[np.uint8], bool], Labels]) -> Arrays:
        """The images of the files; where there are none, those that ``fill`` writes, in one place.

        Processes that ask at the same time fill once.

        Args:
            count: the most images.
            fill: writes the pixels of M images into the first rows of an array, (count, C, S, S),
                which is that of the file where there can be one; it is told whether it is, and
                returns the labels, (M,).
        """

        def make(obstacle: OSError | None) -> Arrays:
            part = self.file("pixels.npy.part")
            shape = (count, *self.image_shape)
            space = _space(part, shape) if obstacle is None else None
            if space is None:
                pixels = np.empty(shape, dtype=np.uint8)
                return _first(pixels, fill(pixels, False))
            try:
                labels = fill(space, True)
                # The next one to ask tries again.
                with suppress(OSError):
                    self._keep(part, labels)
            finally:
                part.unlink(missing_ok=True)
            return self.read() or _first(space, labels)

        return self._found_or_made(make)

    def _keep(self, part: Path, labels: Labels) -> None:
        """Give a file of pixels its name when it is on the disk, and write the labels beside it."""
        pixels_path, labels_path = self._files
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(pixels_path)
        with replacing(labels_path) as file:
            np.save(file, labels, allow_pickle=False)

    def _found_or_made(self, make: Callable[[OSError | None], Arrays]) -> Arrays:
        """The images of the files; where there are none, those that are made under the lock."""
        if found := self.read():
            return found
        with self._lock() as obstacle:
            return self.read() or make(obstacle)

    @contextmanager
    def _lock(self) -> Iterator[OSError | None]:
        """Hold the data set's lock; yields None, or the error where the folder is read-only."""
        lock = FileLock(self.folder / f".{self.name}.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            yield error
            return
        try:
            yield None
        finally:
            lock.release()


def _space(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """A new file of pixels, mapped into memory; None where the disk has no room for it."""
    try:
        pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        # The file is one hole, and who fills a hole of a mapped file on a full disk is killed.
        if sys.platform == "linux":
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError:
        with suppress(OSError):
            path.unlink()
        return None
    return pixels


def _first(pixels: NDArray[np.uint8], labels: Labels) -> Arrays:
    """As many of the images as there are labels."""
    return Arrays(torch.from_numpy(pixels[: len(labels)]), torch.from_numpy(labels))
