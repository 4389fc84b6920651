"""The experiment's files on a disk that may be full, read-only or gone, or at an address."""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pcsearch.errors import PcsearchError

NO_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
"""The errors of a disk, as against those of a trial."""
TAIL_BYTES = 256 * 1024


class StorageError(PcsearchError):
    """The experiment's directory cannot be read or written; the search can go on later."""


class Copy(Protocol):
    """A folder of this machine that stands for an experiment at an address."""

    def send(self, file: Path) -> None:
        """Have a file of the folder in the storage."""

    def bring(self, path: Path) -> None:
        """Have a file, or a folder with files only, from the storage here."""

    def await_answer(self) -> None:
        """Wait, though not for long, until the storage answers."""

    def shown(self, path: Path) -> str:
        """The place in the storage that a path stands for."""


_COPIES: dict[Path, Copy] = {}


def joined(folder: Path, copy: Copy) -> None:
    """From now on what is written in a folder is sent, and what is asked for brought."""
    _COPIES[folder] = copy


def parted(folder: Path) -> None:
    """The end of that."""
    _COPIES.pop(folder, None)


def here(path: Path) -> Path:
    """A path of an experiment's, brought from its storage where it is there only.

    Raises:
        StorageError: it cannot be read.
    """
    copy = _copy_of(path)
    if copy is not None:
        copy.bring(path)
    return path


def await_answer(path: Path) -> None:
    """Wait, though not for long, until the storage that a path stands for answers.

    Raises:
        StorageError: it does not.
    """
    copy = _copy_of(path)
    if copy is not None:
        copy.await_answer()


def shown(path: Path) -> str:
    """A path of an experiment's as the user knows it."""
    copy = _copy_of(path)
    return str(path) if copy is None else copy.shown(path)


def is_remote(path: Path) -> bool:
    """Whether a path stands for one in a storage at an address."""
    return _copy_of(path) is not None


def _copy_of(path: Path) -> Copy | None:
    return (
        next((_COPIES[each] for each in path.parents if each in _COPIES), None) if _COPIES else None
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file of an experiment: it is in the storage when the block ends.

    An error of the disk becomes a line that says so.

    Args:
        path: what is written; hidden files are this machine's affair.

    Raises:
        StorageError: it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error
    copy = None if path.name.startswith(".") else _copy_of(path)
    if copy is not None and path.is_file():
        copy.send(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a line that says so.

    Args:
        path: what is read.

    Raises:
        StorageError: it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror or error})") from error


def go_on(place: str) -> str:
    """The command that goes on with the search of a directory or an address."""
    return f"python -m pcsearch --resume {shlex.quote(place)}"


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of one a line; what is torn or damaged is passed over.

    Raises:
        StorageError: it cannot be read.
    """
    with reading(file):
        lines = file.read_bytes().splitlines() if file.exists() else []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def last_json_line(file: Path) -> dict[str, Any] | None:
    """The last whole object of such a file, None without one; most of it is not read.

    Raises:
        StorageError: it cannot be read.
    """
    with reading(file):
        if not file.exists():
            return None
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - TAIL_BYTES))
            lines = opened.read().splitlines()
    for line in reversed(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def end_last_line(file: Path) -> None:
    """Cut off a line that a killed process did not finish: the next would land on it."""
    if not file.exists():
        return
    with file.open("rb+") as opened:
        data = opened.read()
        opened.truncate(data.rfind(b"\n") + 1)
