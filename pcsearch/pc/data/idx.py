"""MNIST and Fashion-MNIST: four compressed IDX files, where torchvision has them too."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.published import Archive, Release, check_md5, unreadable

_BYTES = 8
"""The code of unsigned bytes in a header."""


@dataclass(frozen=True, kw_only=True)
class Idx(Release):
    """A data set in IDX files: training images and labels, then test images and labels."""

    def read(self, data_dir: Path) -> Arrays | None:
        """The images of the four archives; None where one of them is missing."""
        if not all((data_dir / archive.path).is_file() for archive in self.archives):
            return None
        _, height, width = self.sizes.image_shape
        shapes = [shape for m in self.counts for shape in ((m, height, width), (m,))]
        parts = [
            self._decoded(check_md5(data_dir, archive), shape)
            for archive, shape in zip(self.archives, shapes, strict=True)
        ]
        pixels = np.concatenate(parts[::2]).reshape(-1, *self.sizes.image_shape)
        labels = np.concatenate(parts[1::2]).astype(np.int64)
        return Arrays(torch.from_numpy(pixels), torch.from_numpy(labels))

    def _decoded(self, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        try:
            values = decode(path, shape)
            if len(shape) == 1 and values.max() >= self.sizes.classes:
                raise ValueError(f"a label is {values.max()}")
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise unreadable(path, error) from error
        return values


def decode(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of a compressed IDX file that holds an array of a known shape.

    Raises:
        ValueError: it holds anything else.
        OSError, EOFError, zlib.error: it cannot be read.
    """
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, _BYTES, len(shape), *shape)
    size = len(header) + math.prod(shape)
    with gzip.open(path) as file:
        # A byte more than it should have: a small archive may hold any number of bytes.
        content = file.read(size + 1)
    if len(content) != size or not content.startswith(header):
        raise ValueError(f"it is no IDX file of {shape[0]:,} entries of shape {shape[1:]}")
    values: NDArray[Any] = np.frombuffer(content, dtype=np.uint8, offset=len(header))
    return values.reshape(shape)


_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def archives(folder: str, *md5: str) -> tuple[Archive, ...]:
    """The four files below a folder of ``data_dir``, by their MD5s."""
    return tuple(Archive(f"{folder}/{name}", each) for name, each in zip(_FILES, md5, strict=True))


MNIST = Idx(
    name="mnist",
    title="MNIST",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    archives=archives(
        "MNIST/raw",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    counts=(60_000, 10_000),
)
FASHION_MNIST = Idx(
    name="fashion_mnist",
    title="Fashion-MNIST",
    # This host answers over http only; the MD5s tell whether the files are the published ones.
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    archives=archives(
        "FashionMNIST/raw",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    counts=(60_000, 10_000),
)
