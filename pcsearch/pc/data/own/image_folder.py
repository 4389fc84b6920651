"""A folder of class folders of images."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pcsearch.pc.data.own.image_source import ImageSource
from pcsearch.pc.data.own.pixel_limits import LARGEST_PIXELS, PixelBudget, check_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pcsearch.pc.data.progress import Advance

FORMATS = {
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jpeg", ".jpg"),
    "PNG": (".png",),
    "PPM": (".pbm", ".pgm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""The formats that are read, as Pillow names them, and the endings of their files."""

LARGEST_FILE = 2**28
"""The most bytes of an image's file."""

_ENDINGS = tuple(ending for endings in FORMATS.values() for ending in endings)
_MOST_THREADS = 8
_AT_A_TIME = 4096
"""How many images wait for the threads: each that waits takes 2 kB."""
_IN_MEMORY = PixelBudget(LARGEST_PIXELS)


class _Found(NamedTuple):
    """A file: its path below the folder, its size in bytes and the time of its last change."""

    name: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class ImageFolder(ImageSource):
    """The images of a folder, in the order of their names.

    Args:
        path: of the folder.
        files: the images' paths below it, and their classes.
        classes: the number of classes.
        stamp: of the files' names, sizes and times.
        notes: what the user should know.
    """

    path: Path
    files: tuple[tuple[str, int], ...]
    classes: int
    stamp: str
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of images."""
        return len(self.files)

    def read(
        self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], advance: Advance
    ) -> tuple[NDArray[np.int64], dict[str, str]]:
        """Read the images in threads: Pillow decodes them outside of Python."""
        import numpy as np

        labels = np.array([label for _, label in self.files], dtype=np.int64)
        damaged = {}
        one = partial(self._read_into, pixels, rows)
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        # Pillow warns of what it can read all the same. The filter is that of the whole process.
        with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
            warnings.simplefilter("ignore")
            for start in range(0, self.count, _AT_A_TIME):
                numbers = range(start, min(start + _AT_A_TIME, self.count))
                for number, reason in zip(numbers, pool.map(one, numbers), strict=True):
                    if reason:
                        labels[number] = -1
                        damaged[_told(self.files[number][0])] = reason
                    advance(1)
        return labels, damaged

    def _read_into(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64], number: int) -> str:
        """Read an image into its row; returns why it cannot be read, else an empty string."""
        with (self.path / self.files[number][0]).open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            return f"it has more than {LARGEST_FILE:,} bytes"
        try:
            pixels[rows[number]] = decode(content, pixels.shape[1:])
        except MemoryError:
            raise
        # A damaged file raises almost anything.
        except Exception as error:
            return " ".join(str(error).split()) or type(error).__name__
        return ""


def decode(content: bytes, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image in a file's content, (C, S, S), turned as the camera says, and resized.

    Raises:
        Exception: of almost any type, where the content is no image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    from pcsearch.pc.data.own.fitting import fit

    try:
        image = Image.open(io.BytesIO(content), formats=tuple(FORMATS))
    except UnidentifiedImageError:
        # Pillow's message has the address of an object.
        raise ValueError("it is no image") from None
    with image:
        check_pixels(*image.size)
        whole = image.size
        # A large JPEG is decoded at a half, a quarter or an eighth of its size.
        image.draft(None, (2 * image_shape[1], 2 * image_shape[2]))
        # A progressive one is in memory as a whole all the same.
        width, height = whole if image.info.get("progressive") else image.size
        with _IN_MEMORY.taken(width * height):
            # A copy would be as large as the image.
            ImageOps.exif_transpose(image, in_place=True)
            return fit(image, image_shape)


def look(folder: Path) -> ImageFolder:
    """Count the images of a folder.

    Each folder in it that has images, at any depth, is a class; they are numbered in the order of
    their names. Without such folders, the images in the folder itself are one class.

    Raises:
        OSError: a folder cannot be read.
        ValueError: there are no images.
    """
    with os.scandir(folder) as entries:
        below = sorted(each.name for each in entries if _is_shown(each) and each.is_dir())
    by_class = {name: sorted(_images(folder, name)) for name in below}
    by_class = {name: files for name, files in by_class.items() if files}
    loose = sorted(_files(folder, ""))
    notes = []
    if loose and by_class:
        notes.append(
            f"{folder}: images outside of the class folders are not used ({len(loose):,}, such as "
            f"{_told(loose[0].name)})"
        )
    classes = list(by_class.values()) or [loose]
    stamp = hashlib.sha256()
    for found in (each for files in classes for each in files):
        stamp.update(os.fsencode(f"{found.name}\0{found.size}\0{found.changed_ns}\0"))
    files = tuple((each.name, label) for label, found in enumerate(classes) for each in found)
    if not files:
        raise ValueError(f"there are no images in it ({', '.join(_ENDINGS)})")
    return ImageFolder(folder, files, len(classes), stamp.hexdigest(), tuple(notes))


def _images(root: Path, below: str) -> Iterator[_Found]:
    """The images in a folder and in the folders below it; links to folders there are not taken."""
    yield from _files(root, below)
    with os.scandir(root / below) as entries:
        folders = [e.name for e in entries if _is_shown(e) and e.is_dir(follow_symlinks=False)]
    for name in folders:
        yield from _images(root, f"{below}/{name}")


def _files(root: Path, below: str) -> Iterator[_Found]:
    with os.scandir(root / below) as entries:
        for entry in entries:
            is_image = entry.name.lower().endswith(_ENDINGS)
            if is_image and _is_shown(entry) and entry.is_file():
                state = entry.stat()
                name = f"{below}/{entry.name}" if below else entry.name
                yield _Found(name, state.st_size, state.st_mtime_ns)


def _told(name: str) -> str:
    """A file's name for a message: on one line, and a text that can be printed."""
    return " ".join(os.fsencode(name).decode(errors="replace").split())


def _is_shown(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is not hidden; some systems keep a hidden file beside each image."""
    return not entry.name.startswith(".")
