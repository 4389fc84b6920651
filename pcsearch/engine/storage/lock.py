"""Lets one process at a time run the search of a directory on this machine.

`lease` does this at an address, where the storage has no locks.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pcsearch.engine.storage.files import writing
from pcsearch.errors import PcsearchError

LOCK_FILE = ".lock"
OWNER_FILE = ".owner"
PATIENCE_S = 1.0


@contextmanager
def locked(folder: Path, patience: float = PATIENCE_S) -> Iterator[None]:
    """Lock an experiment's directory during the block; the lock of a process that dies is free.

    Args:
        folder: the directory.
        patience: for how many seconds the lock is tried: other drivers of the search try it too,
            for a moment, to see whether its process lives.

    Raises:
        PcsearchError: another process has it.
        StorageError: the directory cannot be written.
    """
    lock = FileLock(folder / LOCK_FILE)
    owner_file = folder / OWNER_FILE
    with writing(folder):
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise PcsearchError(
                f"{folder}: the search is running ({owner(folder) or 'elsewhere'}); wait for "
                "its end, or interrupt it there"
            ) from None
    try:
        with writing(owner_file):
            owner_file.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        owner_file.unlink(missing_ok=True)
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process has the lock of a directory just now."""
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def owner(folder: Path) -> str:
    """The process that has the lock, or was killed with it, in words; empty if there is none."""
    try:
        return (folder / OWNER_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
