"""Writes a file whole or not at all, so that no process, also after a kill, finds half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` once it is complete, and else is removed.

    It has the same temporary name every time, so that it overwrites the one of a killed process.
    Only one process at a time may write ``path``.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    draft = path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            # Else a crash of the machine may leave a file of zeros under the final name.
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
