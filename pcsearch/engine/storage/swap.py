"""Puts a folder in the place of another in one step: whoever looks finds the old one or the new."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NOT_POSSIBLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def draft_of(place: Path) -> Path:
    """A new empty folder beside a place, to be filled and then put there by `put`.

    Raises:
        OSError: it cannot be made.
    """
    draft = place.with_name(f".{place.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    return draft


def put(place: Path) -> None:
    """Put the draft of a place there, on the disk; what was there before is deleted.

    Where the file system cannot exchange two folders in one step (NFS), a process that is killed
    just then leaves both, and none in the place; `put_back` puts the old one back.

    Raises:
        OSError: it cannot be done.
    """
    draft = place.with_name(f".{place.name}.new")
    for path in [*(each for each in draft.rglob("*") if each.is_file()), draft]:
        _flush(path)
    if not place.exists():
        draft.rename(place)
    elif not _exchange(draft, place):
        old = _old(place)
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        draft.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    _flush(place.parent)
    shutil.rmtree(draft, ignore_errors=True)


def put_back(place: Path) -> None:
    """Put the old folder back that a process has moved away which was killed in `put`.

    Raises:
        OSError: it cannot be done.
    """
    old = _old(place)
    if old.exists() and not place.exists():
        old.rename(place)
    for leftover in (old, place.with_name(f".{place.name}.new")):
        shutil.rmtree(leftover, ignore_errors=True)


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _flush(path: Path) -> None:
    """Have a file or a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system cannot do it."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    paths = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    if library.renameat2(*paths, RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_POSSIBLE:
        return False
    raise OSError(number, os.strerror(number), str(other))
