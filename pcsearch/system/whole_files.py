"""Writes a file whole or not at all, so that no process, also after a kill, finds half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, is_shared: bool = False) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` once it is complete, and else is removed.

    Args:
        path: of the file.
        is_shared: whether other processes, also of other machines, may write it at the same time.
            If not, it has the same temporary name every time: that of a killed process is
            overwritten.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    own = f".{secrets.token_hex(4)}" if is_shared else ""
    draft = path.with_name(f".{path.name}{own}.tmp")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            # Else a crash of the machine may leave a file of zeros under the final name.
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
