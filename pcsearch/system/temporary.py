"""Folders for temporary files, which are removed also where their process was killed.

Each has a lock that its process holds: the lock of a process that dies is free again. A folder that
is to be read after the search is kept for a week.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

PREFIX, KEPT_PREFIX = "pcsearch_tmp_", "pcsearch_logs_"
# The files are in a folder of their own: Ray lets all users write into the one that it is given.
# Its name is short, because the path of a socket has few bytes.
LOCK, FILES = "lock", "f"
SETTLE_S = 2.0
"""So old is a folder at least whose lock says that its process is dead: a new one has none yet."""
REMOVAL_S = 5.0
"""For how long a process that is about to end may write into a folder that is removed."""
KEPT_S = 7 * 24 * 3600.0
FOLDER_OF_RAY = "RAY_TMPDIR"
"""The variable that says where Ray's temporary files are."""


class _Held(NamedTuple):
    """What a process holds of a folder: its lock; a process that is forked from it has a copy."""

    lock: FileLock
    process: int


_folders: dict[Path, _Held] = {}


def parents() -> list[Path]:
    """Where folders of temporary files can be: as Ray is told, as Python is told, and ``/tmp``."""
    named = (os.environ.get(FOLDER_OF_RAY), tempfile.gettempdir(), "/tmp")  # noqa: S108 - Ray's own
    return list(dict.fromkeys(Path(each).absolute() for each in named if each))


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder that only this user can read, which is removed after the block.

    Args:
        parent: where to make it, None for Python's place.
    """
    folder = _new_folder(parent)
    try:
        yield folder / FILES
    finally:
        _folders[folder].lock.release()
        _remove(folder)
        del _folders[folder]


@cache
def folder_of_process() -> Path:
    """The folder of this process, which is removed when the process ends."""
    return _new_folder(None) / FILES


@contextmanager
def default_folder(folder: Path) -> Iterator[None]:
    """Have this process make temporary files and folders in a folder, until the block ends."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def kept_folder() -> Path:
    """A new folder that only this user can read, which a later search removes after a week.

    Raises:
        OSError: it cannot be made.
    """
    return Path(tempfile.mkdtemp(prefix=KEPT_PREFIX))


@atexit.register
def remove_own() -> None:
    """Remove the folders of this process, which ends without leaving their blocks."""
    for folder, held in list(_folders.items()):
        if held.process == os.getpid():
            held.lock.release()
            _remove(folder)


def remove_leftovers() -> None:
    """Remove the folders of processes of this machine that were killed, and old kept ones."""
    for folder, age in _found(PREFIX):
        if age < SETTLE_S:
            continue
        # It is in use, or another process removes it.
        with suppress(Timeout, OSError), FileLock(folder / LOCK, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    for folder, age in _found(KEPT_PREFIX):
        if age > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = FileLock(folder / LOCK)
    lock.acquire()
    _folders[folder] = _Held(lock, os.getpid())
    (folder / FILES).mkdir()
    return folder


def _found(prefix: str) -> Iterator[tuple[Path, float]]:
    """This user's folders that begin with a prefix, and how many seconds old each is."""
    for parent in parents():
        for folder in parent.glob(f"{prefix}*"):
            # It may be gone meanwhile.
            with suppress(OSError):
                state = folder.lstat()
                # In another user's folder, the lock could be a link to a file of this one's.
                if state.st_uid == os.getuid():
                    yield folder, time.time() - state.st_mtime


def _remove(folder: Path) -> None:
    """Remove a folder, also while another process still writes there for a moment."""
    deadline = time.monotonic() + REMOVAL_S
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > deadline:
            return
        time.sleep(0.05)
