"""The experiment's files on a disk that may be full, read-only or gone."""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError

NO_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
"""The errors of a disk, as against those of a trial."""
TAIL_BYTES = 256 * 1024


class StorageError(PcsearchError):
    """The experiment's directory cannot be read or written; the search can go on later."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a line that says so.

    Args:
        path: what is written.

    Raises:
        StorageError: it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error


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


def go_on(directory: Path) -> str:
    """The command that goes on with a search."""
    return f"python -m pcsearch --resume {shlex.quote(str(directory))}"


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
