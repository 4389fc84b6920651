"""Files of the user that belong to no single search."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcsearch.errors import PcsearchError


def cache_folder() -> Path:
    """The folder for files that can be made or downloaded anew: ``pcsearch`` in the user's cache.

    Raises:
        PcsearchError: the user has neither a home folder nor ``$XDG_CACHE_HOME``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification of this variable says to ignore relative paths.
    if cache.is_absolute():
        return cache / "pcsearch"
    try:
        return Path.home() / ".cache" / "pcsearch"
    except RuntimeError as error:
        raise PcsearchError("the user has no home folder: set HOME or XDG_CACHE_HOME") from error


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A file to write during the block, which then replaces ``file``: whole, or not at all."""
    # A number of the process would not do: processes of other machines may write there too.
    hidden = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield hidden
        hidden.replace(file)
    finally:
        hidden.unlink(missing_ok=True)
