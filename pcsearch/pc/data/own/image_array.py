"""Images in an array of numpy's: in an .npy file, or with labels in an .npz file.

The file is not trusted: nothing in it is unpickled, and no more of it is in memory at a time than
a piece of some images.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pcsearch.pc.data.own.fitting import fit
from pcsearch.pc.data.own.image_source import ImageSource
from pcsearch.pc.data.own.pixel_limits import check_pixels
from pcsearch.pc.data.progress import Advance

IMAGES, LABELS = "images", "labels"
_CHANNELS = (1, 3, 4)
_PIECE = 2**26
"""Bytes to read at a time, or one image where it is larger."""
_LONGEST_HEADER = 10_000
"""Bytes; numpy has the same bound."""
_MOST_CLASSES = 100_000
_MOST_IMAGES = 100_000_000
"""More is taken for an attempt to fill the memory: the labels are read when images are counted."""


class _Header(NamedTuple):
    """What an array's file says of it before its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class ImageArray(ImageSource):
    """The images of an array's file, in their order.

    Args:
        path: of the file.
        header: of the images.
        labels: (M,) int64, None where the file has none.
        classes: the number of classes.
        stamp: of the file's size and time.
        notes: what the user should know.
    """

    path: Path
    header: _Header
    labels: NDArray[np.int64] | None
    classes: int
    stamp: str
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of images."""
        return self.header.shape[0]

    def read(
        self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], advance: Advance
    ) -> tuple[NDArray[np.int64], dict[str, str]]:
        """Read the images piece by piece; all of them can be read, or none."""
        done = 0
        with _reporting(), _opened(self.path, IMAGES) as file:
            _read_header(file, IMAGES)
            for piece in _pieces(file, self.header):
                images = _last_channels(_bytes(piece))
                pixels[rows[done : done + len(images)]] = _fitted(images, pixels.shape[1:])
                done += len(images)
                advance(len(images))
        labels = np.zeros(done, dtype=np.int64) if self.labels is None else self.labels
        return labels, {}


def look(path: Path) -> ImageArray:
    """Count the images of a file by its header, and read its labels.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has no such array.
    """
    state = path.stat()
    stamp = f"{state.st_size} {state.st_mtime_ns}"
    with _reporting():
        with _opened(path, IMAGES) as file:
            header = _read_header(file, IMAGES)
        _check_images(header)
        if path.suffix != ".npz" or LABELS not in _names(path):
            return ImageArray(path, header, None, 1, stamp, ())
        with _opened(path, LABELS) as file:
            labels = _labels(file, header.shape[0])
    return ImageArray(path, header, labels, int(labels.max()) + 1, stamp, ())


@contextmanager
def _reporting() -> Iterator[None]:
    """Turn the errors of damaged files into a ValueError."""
    try:
        yield
    except (OSError, ValueError, MemoryError):
        raise
    # A damaged archive raises almost anything.
    except Exception as error:
        raise ValueError(f"it cannot be read ({error})") from error


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of an array: those of an .npy file, or of a member of an .npz file."""
    if path.suffix == ".npy":
        with path.open("rb") as file:
            yield file
    elif path.suffix == ".npz":
        names = _names(path)
        if name not in names:
            raise ValueError(f"it has no array {name!r}, but {', '.join(names) or 'none'}")
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            yield member
    else:
        raise ValueError("it is no folder, and no file that ends in .npz or .npy")


def _read_header(file: IO[bytes], name: str) -> _Header:
    try:
        version = np.lib.format.read_magic(file)
        read, width = {
            (1, 0): (np.lib.format.read_array_header_1_0, 2),
            (2, 0): (np.lib.format.read_array_header_2_0, 4),
        }[version]
        # numpy has the whole header in memory before it looks at its length.
        length = file.read(width)
        size = int.from_bytes(length, "little")
        if size > _LONGEST_HEADER:
            raise ValueError(f"its header has {size:,} bytes")
        shape, is_fortran, dtype = read(io.BytesIO(length + file.read(size)))
    except (ValueError, KeyError) as error:
        raise ValueError(f"{name} is no array that can be read") from error
    if dtype.hasobject or dtype.kind not in "uif":
        raise ValueError(f"{name} are {dtype}, and have to be whole numbers or floats")
    if is_fortran and len(shape) > 1:
        raise ValueError(f"{name} are in the order of Fortran; save np.ascontiguousarray({name})")
    return _Header(shape, dtype)


def _check_images(header: _Header) -> None:
    shape = header.shape
    is_grey = len(shape) == 3
    is_coloured = len(shape) == 4 and (shape[3] in _CHANNELS or shape[1] in _CHANNELS)
    if not (is_grey or is_coloured) or not all(side > 0 for side in shape):
        raise ValueError(
            f"{IMAGES} have the shape {shape}, and need (M, H, W), (M, H, W, C) or (M, C, H, W) "
            "with C of 1, 3 or 4"
        )
    if shape[0] > _MOST_IMAGES:
        raise ValueError(f"it has {shape[0]:,} images, and at most {_MOST_IMAGES:,} are allowed")
    height, width = shape[1:3] if is_grey or shape[3] in _CHANNELS else shape[2:]
    check_pixels(width, height)


def _pieces(file: IO[bytes], header: _Header) -> Iterator[NDArray[Any]]:
    """The values of an array, some rows at a time."""
    count, *item = header.shape
    row = math.prod(item) * header.dtype.itemsize
    rows = max(1, _PIECE // row)
    for start in range(0, count, rows):
        wanted = min(rows, count - start)
        content = file.read(wanted * row)
        if len(content) < wanted * row:
            raise ValueError(f"it breaks off after {start + len(content) // row:,} of {count:,}")
        yield np.frombuffer(content, dtype=header.dtype).reshape(wanted, *item)
    if file.read(1):
        raise ValueError("there is more in it than its array")


def _labels(file: IO[bytes], count: int) -> NDArray[np.int64]:
    header = _read_header(file, LABELS)
    if header.shape not in ((count,), (count, 1)) or header.dtype.kind == "f":
        raise ValueError(
            f"{LABELS} are {header.dtype} of the shape {header.shape}, and have to be whole "
            f"numbers of the shape ({count},)"
        )
    values = np.concatenate(list(_pieces(file, header))).reshape(-1)
    if values.min() < 0 or values.max() >= _MOST_CLASSES:
        raise ValueError(
            f"{LABELS} go from {values.min()} to {values.max()}, and have to be whole numbers from "
            f"0 to {_MOST_CLASSES - 1:,}"
        )
    return values.astype(np.int64)


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values as bytes: floats from 0 to 1, or whole numbers from 0 to 255."""
    if values.dtype == np.uint8:
        return values
    is_float = values.dtype.kind == "f"
    low, high = values.min(), values.max()
    # NaN fails every comparison.
    if not (low >= 0 and high <= (1 if is_float else 255)):
        raise ValueError(
            f"{IMAGES} are {values.dtype} from {low} to {high}, and have to be floats from 0 to 1 "
            "or whole numbers from 0 to 255"
        )
    scaled = np.rint(values * np.float32(255)) if is_float else values
    return cast(NDArray[np.uint8], scaled.astype(np.uint8))


def _last_channels(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images as (M, H, W, C)."""
    if images.ndim == 3:
        return images[..., None]
    return images if images.shape[3] in _CHANNELS else images.transpose(0, 2, 3, 1)


def _fitted(images: NDArray[np.uint8], image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Images (M, H, W, C) as (M, C, S, S) of the shape that is asked for."""
    if images.shape[1:] == (*image_shape[1:], image_shape[0]):
        return images.transpose(0, 3, 1, 2)
    # Few runs have images of another size, and Pillow is not on every node.
    from PIL import Image

    return np.stack(
        [
            fit(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image), image_shape)
            for image in images
        ]
    )
