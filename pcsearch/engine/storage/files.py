"""Reads and writes the files of an experiment, on this machine or in a storage at an address.

An experiment at an address has a working copy on this machine. Inside `writing`, a file of it is
sent to the storage when the block ends; `local_path` gets what is only in the storage.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pcsearch.errors import PcsearchError

NO_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
"""The numbers of errors that come from a disk, and not from a trial."""
TAIL_BYTES = 256 * 1024


class StorageError(PcsearchError):
    """The experiment's directory cannot be read or written; the search can be resumed later."""


class RemoteFolder(Protocol):
    """A folder on this machine that is a copy of an experiment at an address."""

    def send(self, file: Path) -> None:
        """Copy a file of the folder to the storage."""

    def get(self, path: Path) -> None:
        """Copy a file, or a checkpoint's folder, from the storage, where it is only there."""

    def await_answer(self) -> None:
        """Wait a limited time until the storage answers."""

    def address_of(self, path: Path) -> str:
        """The address in the storage of a path in the folder."""


_REMOTE_FOLDERS: dict[Path, RemoteFolder] = {}
"""By the folder. Tune's callbacks and W&B's threads have nothing but the path of a file to ask."""


def register(folder: Path, remote: RemoteFolder) -> None:
    """Keep a folder and the storage that it is a copy of equal, from now on."""
    _REMOTE_FOLDERS[folder] = remote


def unregister(folder: Path) -> None:
    """End what `register` began."""
    _REMOTE_FOLDERS.pop(folder, None)


def local_path(path: Path) -> Path:
    """The path, with its file or checkpoint on this machine, copied from the storage if necessary.

    Raises:
        StorageError: the storage cannot be read.
    """
    remote = _remote_folder(path)
    if remote is not None:
        remote.get(path)
    return path


def await_answer(path: Path) -> None:
    """Wait a limited time until the storage of a path answers.

    Raises:
        StorageError: it does not answer.
    """
    remote = _remote_folder(path)
    if remote is not None:
        remote.await_answer()


def display_path(path: Path) -> str:
    """A path as the user knows it: the address, where the experiment lies at one."""
    remote = _remote_folder(path)
    return str(path) if remote is None else remote.address_of(path)


def is_remote(path: Path) -> bool:
    """Whether the experiment of a path lies in a storage at an address."""
    return _remote_folder(path) is not None


def _remote_folder(path: Path) -> RemoteFolder | None:
    if not _REMOTE_FOLDERS:
        return None
    return next((_REMOTE_FOLDERS[each] for each in path.parents if each in _REMOTE_FOLDERS), None)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file of an experiment in the block; at its end the file is in the storage too.

    Args:
        path: of the file; a hidden file stays on this machine.

    Raises:
        StorageError: the disk or the storage cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error
    remote = None if path.name.startswith(".") else _remote_folder(path)
    if remote is not None and path.is_file():
        remote.send(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a file of an experiment in the block.

    Args:
        path: of the file.

    Raises:
        StorageError: the disk cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror or error})") from error


def resume_command(place: str) -> str:
    """The command that resumes the search of a directory or an address."""
    return f"python -m pcsearch --resume {shlex.quote(place)}"


def control_command(verb: str, place: str) -> str:
    """The command of a verb, such as ``continue``, on the search of a directory or an address."""
    return f"python -m pcsearch {verb} {shlex.quote(place)}"


def json_lines(file: Path, words: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The objects of a file with one JSON object a line; damaged lines are left out.

    Args:
        file: the file.
        words: where there are any, only lines that have one of them are read, which is quick.

    Raises:
        StorageError: the file cannot be read.
    """
    with reading(file):
        lines = file.read_bytes().splitlines() if file.exists() else []
    wanted = [word.encode() for word in words]
    for line in lines:
        if wanted and not any(word in line for word in wanted):
            continue
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def first_json_line(file: Path) -> dict[str, Any] | None:
    """The object in the first line of a file with one JSON object a line, None without one.

    Raises:
        StorageError: the file cannot be read.
    """
    with reading(file):
        if not file.exists():
            return None
        with file.open("rb") as opened:
            return _last_object([opened.readline()])


def last_json_line(file: Path) -> dict[str, Any] | None:
    """The last whole object of a file with one JSON object a line, None without one.

    The file is read from its end, as far as necessary.

    Raises:
        StorageError: the file cannot be read.
    """
    with reading(file):
        if not file.exists():
            return None
        with file.open("rb") as opened:
            start, tail = opened.seek(0, os.SEEK_END), b""
            while True:
                length = min(start, max(len(tail), TAIL_BYTES))
                start -= length
                opened.seek(start)
                tail = opened.read(length) + tail
                # The first line may have begun before.
                lines = tail.splitlines()[0 if start == 0 else 1 :]
                value = _last_object(lines)
                if value is not None or start == 0:
                    return value


def _last_object(lines: Sequence[bytes]) -> dict[str, Any] | None:
    for line in reversed(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def append(file: Path, data: bytes) -> None:
    """Add data at the end of a file; they are on the disk when this returns.

    Raises:
        StorageError: the disk is full or cannot be written. The file is as it was.
    """
    with writing(file), file.open("ab", buffering=0) as opened:
        before = opened.tell()
        try:
            written = opened.write(data)
            os.fsync(opened.fileno())
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            opened.truncate(before)
            raise


def end_last_line(file: Path) -> None:
    """Cut off a line that a killed process did not finish: it would spoil the next line."""
    if not file.exists():
        return
    with file.open("rb+") as opened:
        data = opened.read()
        opened.truncate(data.rfind(b"\n") + 1)
