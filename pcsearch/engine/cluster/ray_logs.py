"""Keeps the ends of Ray's own logs after a failure; Ray's folder is removed when Ray ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from pcsearch.system.temporary import kept_folder

FILE_BYTES = 1024**2
"""The bytes that are kept of each log, from its end."""
ALL_BYTES = 20 * 1024**2
OF_TRIALS = "worker-"
"""The beginnings of the names of the logs of trials' processes."""


def keep_logs(logs: Path) -> str:
    """Copy the ends of the logs in a folder, at most 20 MiB in all, into a folder of its own.

    The logs of trials come first, then Ray's, and of each the newest.

    Returns:
        The new folder, empty where there are no logs, or no room for them.
    """
    found = _found(logs)
    if not found:
        return ""
    try:
        folder = kept_folder()
    except OSError:
        return ""
    room = ALL_BYTES
    for file in found:
        # A log may be gone meanwhile, or the disk may be full.
        with suppress(OSError):
            text = _end(file, min(FILE_BYTES, room))
            room -= len(text)
            (folder / file.name).write_bytes(text)
        if not room:
            break
    return str(folder)


def _found(logs: Path) -> list[Path]:
    """The logs that are not empty, the most important one first."""
    found = []
    with suppress(OSError):
        for file in logs.iterdir():
            state = file.lstat()
            if S_ISREG(state.st_mode) and state.st_size:
                found.append((file.name.startswith(OF_TRIALS), state.st_mtime, file))
    return [file for *_, file in sorted(found, reverse=True)]


def _end(file: Path, count: int) -> bytes:
    """The last bytes of a file."""
    with file.open("rb") as source:
        source.seek(max(0, source.seek(0, os.SEEK_END) - count))
        return source.read(count)
