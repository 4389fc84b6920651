"""Where the files of pcsearch lie that are this user's and not a search's."""

from __future__ import annotations

import os
from pathlib import Path

from pcsearch.errors import PcsearchError


def cache_folder() -> Path:
    """The folder for what can be made or had again: ``pcsearch`` in the user's cache.

    Raises:
        PcsearchError: nobody says where that is.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification of these variables has relative paths ignored.
    if named.is_absolute():
        return named / "pcsearch"
    try:
        return Path.home() / ".cache" / "pcsearch"
    except RuntimeError as error:
        raise PcsearchError("the user has no home folder: set HOME or XDG_CACHE_HOME") from error
