"""Keeps the file to which a program writes its metrics apart from those of other trials."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

METRICS_FOLDER = "metrics"
"""The folder with the file, in that of its trial; an earlier one of the same name has a number."""


@contextmanager
def own_file(file: Path, kept: Path, goes_on: bool) -> Iterator[int]:
    """Let a program write its own file of metrics, which is in the trial's folder afterwards.

    A file that is there already is of another trial or of the user: its name gets a number.

    Args:
        file: where the program writes it.
        kept: the trial's folder.
        goes_on: whether the program goes on where an earlier try has ended: it may add to the
            file that it has left.

    Yields:
        How many bytes of the file are older than the program.

    Raises:
        OSError: a file that is there cannot be renamed.
    """
    own = kept / METRICS_FOLDER / file.name
    if not goes_on:
        _set_aside(file)
    elif own.is_file() and not file.exists():
        shutil.move(own, file)
    try:
        yield file.stat().st_size if file.is_file() else 0
    finally:
        # What cannot be moved stays, and is set aside by the next trial.
        with suppress(OSError):
            if file.is_file():
                own.parent.mkdir(exist_ok=True)
                _set_aside(own)
                shutil.move(file, own)


def _set_aside(file: Path) -> None:
    if file.exists():
        names = (file.with_name(f"{file.name}.{number}") for number in count(1))
        file.rename(next(name for name in names if not name.exists()))
