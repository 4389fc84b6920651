"""Loads a published data set from the user's folder, after a download where it is missing.

The files are not trusted: an archive is compared with its published MD5, and is never unpacked
onto the disk.
"""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.data.array_cache import ArrayCache, Arrays
from pcsearch.pc.data.download import DownloadFailed, fetch, one_line
from pcsearch.pc.dataset_sizes import DATASETS, DatasetSizes

REMOVE_ARCHIVE = "remove the archive to have it downloaded again"


class Archive(NamedTuple):
    """A published file: its path below the user's folder, and its hex MD5."""

    path: str
    md5: str

    @property
    def name(self) -> str:
        """The file's name, also at its address."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Release(ABC):
    """A data set as it is published.

    Args:
        name: of the data set, as the field ``dataset`` has it.
        title: its name in messages.
        url: the address of the archives' folder, with a final slash.
        archives: the files that a download gets.
        counts: the numbers of training and of test images.
    """

    name: str
    title: str
    url: str
    archives: tuple[Archive, ...]
    counts: tuple[int, int]

    @property
    def sizes(self) -> DatasetSizes:
        """The sizes of the images and the number of classes."""
        return DATASETS[self.name]

    @property
    def url_variable(self) -> str:
        """The environment variable with another address: of the archive, or of their folder."""
        return f"PCSEARCH_{self.name.upper()}_URL"

    @abstractmethod
    def read(self, data_dir: Path) -> Arrays | None:
        """The images of the first form of the data set in a folder, training before test.

        Returns:
            None where the folder has no form of it.

        Raises:
            PcsearchError: the files are damaged.
        """


def load(release: Release, data_dir: Path, *, progress: bool = False) -> tuple[Arrays, Arrays]:
    """Load the training and the test images from ``data_dir``, after a download where need be.

    The cache of the last load is read first, and then what `Release.read` finds. Processes that
    load from one folder at the same time download and convert once, and share the memory of the
    cached pixels.

    Args:
        release: the data set.
        data_dir: the folder. It need not exist, and if it has the images, it may be read-only.
        progress: whether a download shows a progress bar on stderr.

    Returns:
        The training and the test images.

    Raises:
        PcsearchError: the images are missing and cannot be downloaded, or are damaged.
    """
    if data_dir.exists() and not data_dir.is_dir():
        raise PcsearchError(Problem("is a file, not a directory", where=str(data_dir)))
    shape, classes = release.sizes.image_shape, release.sizes.classes
    version = f"uint8-{release.archives[0].md5[:8]}"
    cache = ArrayCache(data_dir, release.name, version, shape, classes, sum(release.counts))

    def build(obstacle: OSError | None) -> Arrays:
        return release.read(data_dir) or _download(release, data_dir, progress, obstacle)

    try:
        return cache.read_or_build(build).split(release.counts[0])
    except OSError as error:
        raise PcsearchError(Problem(one_line(error), where=str(data_dir))) from error


def check_md5(data_dir: Path, archive: Archive) -> Path:
    """The path of an archive that has its published MD5.

    Raises:
        PcsearchError: it has another.
    """
    path = data_dir / archive.path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != archive.md5:
        message = f"its MD5 is {digest} and not {archive.md5}; {REMOVE_ARCHIVE}"
        raise PcsearchError(Problem(message, where=str(path)))
    return path


def unreadable(path: Path, error: Exception) -> PcsearchError:
    """The error for an archive that cannot be read."""
    message = f"it cannot be read ({one_line(error)}); {REMOVE_ARCHIVE}"
    return PcsearchError(Problem(message, where=str(path)))


def _download(release: Release, data_dir: Path, progress: bool, obstacle: OSError | None) -> Arrays:
    """Download the archives that are missing, and read the images."""
    for archive in release.archives:
        if not (data_dir / archive.path).is_file():
            _fetch(release, archive, data_dir, progress, obstacle)
    images = release.read(data_dir)
    if images is None:
        raise PcsearchError(Problem(f"{release.title} was removed", where=str(data_dir)))
    return images


def _fetch(
    release: Release, archive: Archive, data_dir: Path, progress: bool, obstacle: OSError | None
) -> None:
    own = os.environ.get(release.url_variable, "")
    # The user's own address may hold a password or a token, and messages end up in logs.
    source = f"${release.url_variable}" if own else release.url + archive.name
    if own and len(release.archives) > 1:
        own = f"{own.rstrip('/')}/{archive.name}"
    # Twice the images' own bytes: what an archive has besides them is little.
    limit = 2 * sum(release.counts) * (math.prod(release.sizes.image_shape) + 1) + (1 << 20)
    try:
        if obstacle:
            raise DownloadFailed(one_line(obstacle)) from obstacle
        path = data_dir / archive.path
        path.parent.mkdir(parents=True, exist_ok=True)
        url = own or release.url + archive.name
        fetch(url, path, md5=archive.md5, limit=limit, progress=progress)
    except DownloadFailed as error:
        message = (
            f"{release.title} is not there, and downloading {archive.name} from {source} failed: "
            f"{error}; put {archive.path} there yourself or use dataset: digits"
        )
        raise PcsearchError(Problem(message, where=str(data_dir))) from error
