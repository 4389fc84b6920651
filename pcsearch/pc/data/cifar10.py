"""Loads CIFAR-10 from any of its published forms in a directory, or downloads it.

The files are not trusted: no archive is unpacked onto the disk, and a pickle can build nothing but
a byte array.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.data.cifar10_batches import IMAGE_BYTES, Bytes, decode_pickle, decode_records
from pcsearch.pc.data.download import DownloadFailed, fetch, one_line, replacing
from pcsearch.pc.dataset_sizes import CLASSES, IMAGE_SHAPES

URL_VARIABLE = "PCSEARCH_CIFAR10_URL"
"""The environment variable that sets another address of the python archive."""

_SHAPE = IMAGE_SHAPES["cifar10"]


class Archive(NamedTuple):
    """An archive's file name and hex MD5."""

    name: str
    md5: str


@dataclass(frozen=True)
class Release:
    """A published set of archives.

    Args:
        url: the address of the archives' folder, with a final slash.
        python_archive: the pickled batches.
        binary_archive: the same batches as plain records.
        batch_size: the number of images in every batch.
        training_batches: the number of training batches; there is one test batch.
    """

    url: str
    python_archive: Archive
    binary_archive: Archive
    batch_size: int = 10_000
    training_batches: int = 5


PUBLISHED = Release(
    url="https://www.cs.toronto.edu/~kriz/",
    python_archive=Archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    binary_archive=Archive("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
)


class Pool(NamedTuple):
    """Images, (M, 3, 32, 32) uint8, and their labels, (M,) int64."""

    pixels: Tensor
    labels: Tensor


def load(
    data_dir: Path, *, release: Release = PUBLISHED, progress: bool = False
) -> tuple[Pool, Pool]:
    """Load the training and the test images from ``data_dir``, after a download where need be.

    The first of these that exists is read: the cache of the last load, ``cifar-10-batches-py/``,
    ``cifar-10-batches-bin/``, the python archive, the binary archive. Processes that load from
    one directory at the same time download and convert once, and share the memory of the cached
    pixels.

    Args:
        data_dir: the directory. It need not exist, and if it has the images, it may be read-only.
        release: the published archives.
        progress: whether a download shows a progress bar on stderr.

    Returns:
        50,000 training and 10,000 test images.

    Raises:
        PcsearchError: the images are missing and cannot be downloaded, or are damaged.
    """
    if data_dir.exists() and not data_dir.is_dir():
        raise PcsearchError(Problem("is a file, not a directory", where=str(data_dir)))
    try:
        if cached := _cached(data_dir, release):
            return cached
        with _lock(data_dir) as obstacle:
            return _cached(data_dir, release) or _build(data_dir, release, progress, obstacle)
    except OSError as error:
        raise PcsearchError(Problem(one_line(error), where=str(data_dir))) from error


@contextmanager
def _lock(data_dir: Path) -> Iterator[OSError | None]:
    """Hold the directory's lock; yields None, or the error where the directory is read-only."""
    lock = FileLock(data_dir / ".cifar10.lock")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        yield error
        return
    try:
        yield None
    finally:
        lock.release()


def _build(
    data_dir: Path, release: Release, progress: bool, obstacle: OSError | None
) -> tuple[Pool, Pool]:
    pools = _read(data_dir, release) or _download(data_dir, release, progress, obstacle)
    if obstacle:
        return pools
    try:
        _write_cache(data_dir, release, pools)
    except OSError:
        # The disk may be full. The images are in memory, and the next load writes the cache.
        return pools
    return _cached(data_dir, release) or pools


def _download(
    data_dir: Path, release: Release, progress: bool, obstacle: OSError | None
) -> tuple[Pool, Pool]:
    name, md5 = release.python_archive
    url = os.environ.get(URL_VARIABLE)
    # The user's own address may hold a password or a token, and messages end up in logs.
    source = f"${URL_VARIABLE}" if url else release.url + name
    try:
        if obstacle:
            raise DownloadFailed(one_line(obstacle)) from obstacle
        # An archive is no larger than the files in it.
        limit = (release.training_batches + 1) * _limit(release)
        path = data_dir / name
        fetch(url or release.url + name, path, md5=md5, limit=limit, progress=progress)
    except DownloadFailed as error:
        message = (
            f"CIFAR-10 is not there, and downloading {name} from {source} failed: {error}; "
            f"put {name} there yourself or use dataset: digits"
        )
        raise PcsearchError(Problem(message, where=str(data_dir))) from error
    return _from_archive(path, _PYTHON, release)


# The cache: all images in one file and all labels in another, training before test.


def _cache_files(data_dir: Path, release: Release) -> tuple[Path, Path]:
    stem = f"cifar10-uint8-{release.python_archive.md5[:8]}"
    return data_dir / f"{stem}-pixels.npy", data_dir / f"{stem}-labels.npy"


def _cached(data_dir: Path, release: Release) -> tuple[Pool, Pool] | None:
    """The cached images; None where they are missing or damaged."""
    count = (release.training_batches + 1) * release.batch_size
    try:
        # Mapped files are in memory once for all processes. torch asks for writable memory: "c".
        pixels, labels = (
            np.lib.format.open_memmap(path, mode="c") for path in _cache_files(data_dir, release)
        )
    # A damaged header raises almost anything.
    except Exception:
        return None
    if pixels.shape != (count, *_SHAPE) or pixels.dtype != np.uint8:
        return None
    if labels.shape != (count,) or labels.dtype != np.int64:
        return None
    if labels.min() < 0 or labels.max() >= CLASSES:
        return None
    return _split(torch.from_numpy(pixels), torch.from_numpy(labels), release)


def _write_cache(data_dir: Path, release: Release, pools: tuple[Pool, Pool]) -> None:
    paths = _cache_files(data_dir, release)
    for path, tensors in zip(paths, zip(*pools, strict=True), strict=True):
        with replacing(path) as file:
            np.save(file, torch.cat(tensors).numpy(), allow_pickle=False)


def _split(pixels: Tensor, labels: Tensor, release: Release) -> tuple[Pool, Pool]:
    border = release.training_batches * release.batch_size
    return Pool(pixels[:border], labels[:border]), Pool(pixels[border:], labels[border:])


# The published forms.


@dataclass(frozen=True)
class _Layout:
    """One of the published forms.

    Args:
        folder: the folder of the batches, also inside the archive.
        suffix: the end of the files' names.
        decode: takes a file's content and the number M of its images, and returns their pixels,
            (M, 3072), and labels, (M,). It raises a ValueError for any other content.
    """

    folder: str
    suffix: str
    decode: Callable[[bytes, int], tuple[Bytes, Bytes]]

    def names(self, release: Release) -> list[str]:
        """The batches' file names, the test batch last."""
        stems = [f"data_batch_{number + 1}" for number in range(release.training_batches)]
        return [stem + self.suffix for stem in (*stems, "test_batch")]


def _read(data_dir: Path, release: Release) -> tuple[Pool, Pool] | None:
    """The images of the first published form in ``data_dir``; None where there is none."""
    for layout in (_PYTHON, _BINARY):
        folder = data_dir / layout.folder
        if folder.is_dir():
            files = _folder_files(folder, layout, release)
            return _assemble(files, layout, release, folder, "repair or remove the folder")
    for layout, (name, md5) in (
        (_PYTHON, release.python_archive),
        (_BINARY, release.binary_archive),
    ):
        path = data_dir / name
        if path.is_file():
            _check_md5(path, md5)
            return _from_archive(path, layout, release)
    return None


def _from_archive(path: Path, layout: _Layout, release: Release) -> tuple[Pool, Pool]:
    return _assemble(_members(path, layout, release), layout, release, path, _REMOVE_ARCHIVE)


def _assemble(
    files: Iterable[tuple[str, bytes]], layout: _Layout, release: Release, source: Path, advice: str
) -> tuple[Pool, Pool]:
    """The images of the batches, whose files come in any order."""
    names = layout.names(release)
    size = release.batch_size
    pixels = np.empty((len(names), size, IMAGE_BYTES), dtype=np.uint8)
    labels = np.empty((len(names), size), dtype=np.int64)
    missing = set(names)
    for name, content in files:
        row = names.index(name)
        try:
            if len(content) == _limit(release):
                raise ValueError("it is longer than a batch can be")
            pixels[row], labels[row] = layout.decode(content, size)
        except ValueError as error:
            message = f"{one_line(error)}; {advice}"
            raise PcsearchError(Problem(message, where=f"{source}/{name}")) from error
        missing.discard(name)
    if missing:
        raise PcsearchError(Problem(f"it is missing; {advice}", where=f"{source}/{min(missing)}"))
    images = torch.from_numpy(pixels.reshape(-1, *_SHAPE))
    return _split(images, torch.from_numpy(labels.reshape(-1)), release)


def _folder_files(folder: Path, layout: _Layout, release: Release) -> Iterator[tuple[str, bytes]]:
    for name in layout.names(release):
        # To open a named pipe would never end.
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                yield name, file.read(_limit(release))


def _members(path: Path, layout: _Layout, release: Release) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the batches in an archive; other members are not read."""
    wanted = {f"{layout.folder}/{name}": name for name in layout.names(release)}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = wanted.get(member.name)
                if name and member.isreg() and (file := archive.extractfile(member)):
                    yield name, file.read(_limit(release))
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        message = f"it cannot be read ({one_line(error)}); {_REMOVE_ARCHIVE}"
        raise PcsearchError(Problem(message, where=str(path))) from error


def _limit(release: Release) -> int:
    """The most bytes to read of a batch: twice its content, as a pickle adds some."""
    return 2 * release.batch_size * (IMAGE_BYTES + 1) + (1 << 16)


def _check_md5(path: Path, md5: str) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != md5:
        message = f"its MD5 is {digest} and not {md5}; {_REMOVE_ARCHIVE}"
        raise PcsearchError(Problem(message, where=str(path)))


_REMOVE_ARCHIVE = "remove the archive to have it downloaded again"
_PYTHON = _Layout("cifar-10-batches-py", "", decode_pickle)
_BINARY = _Layout("cifar-10-batches-bin", ".bin", decode_records)
