"""Files of the user that belong to no single search."""

from __future__ import annotations

import os
from pathlib import Path

from pcsearch.errors import PcsearchError, Problem, bounded
from pcsearch.system.whole_files import replacing

LONGEST_QUOTED = 200
"""Of a path in a message, in characters."""


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


def user_path(path: str | Path, option: str) -> Path:
    """A path that a user gave, whole; ``~`` is the user's home.

    Raises:
        PcsearchError: it begins with the home of a user whom this machine does not have.
    """
    try:
        return Path(path).expanduser().resolve()
    # Python 3.12 and older raise this where links go in a circle, too.
    except (RuntimeError, OSError) as error:
        raise PcsearchError(Problem(f"{_short(path)}: no path ({_why(error)})", option)) from None


def write_whole(path: str | Path, data: bytes, option: str) -> Path:
    """Write a file whole or not at all; one of this name is replaced.

    A link stays one, and a pipe or a device gets the data.

    Args:
        path: of the file.
        data: its content.
        option: with which the user gave the path, for messages.

    Returns:
        The file.

    Raises:
        PcsearchError: it cannot be written.
    """
    file = user_path(path, option)
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(data)
        else:
            with replacing(file, is_shared=True) as draft:
                draft.write(data)
    except OSError as error:
        message = f"{_short(path)}: cannot be written ({_why(error)})"
        raise PcsearchError(Problem(message, option)) from None
    return file


def _short(path: str | Path) -> str:
    return bounded(str(path) or "''", LONGEST_QUOTED)


def _why(error: Exception) -> str:
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
