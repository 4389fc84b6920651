"""Folders for temporary files, which are removed also where their process was killed.

Each has a lock that its process holds: the lock of a process that dies is free again.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "pcsearch_tmp_"
LOCK, FILES = "lock", "files"
SETTLE_S = 2.0
"""So old is a folder at least whose lock says that its process is dead: a new one has none yet."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, which is removed after the block."""
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name,
        FileLock(Path(name, LOCK)),
    ):
        files = Path(name, FILES)
        files.mkdir()
        yield files


@cache
def folder_of_process() -> Path:
    """The folder of this process, which is removed when the process ends."""
    stack = ExitStack()
    folder = stack.enter_context(temporary_folder())
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            stack.close()

    atexit.register(remove)
    return folder


@contextmanager
def default_folder(folder: Path) -> Iterator[None]:
    """Have this process make temporary files and folders in a folder, until the block ends."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def remove_leftovers() -> None:
    """Remove the folders of processes of this machine that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < SETTLE_S:
                continue
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        # It is in use, or another user's, or another process removes it.
        except (Timeout, OSError):
            continue
