"""The directories of the drivers that share a search on a folder which all their machines have.

The first driver has the directory of the search. Each driver that has joined it has a directory of
its own inside, ``drivers/NAME``, with the same files.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path

from pcsearch.engine.records.record import RECORD_FILE

DRIVERS = "drivers"


def search_directory(directory: Path) -> Path:
    """The directory of the search that a driver runs, by the driver's own directory."""
    above = directory.parent.parent
    has_joined = directory.parent.name == DRIVERS and (above / RECORD_FILE).exists()
    return above if has_joined else directory


def driver_name(directory: Path) -> str:
    """The name of a driver, by its directory; that of the first driver is empty."""
    return "" if search_directory(directory) == directory else directory.name


def driver_directory(search: Path, name: str) -> Path:
    """The directory of a driver, by the directory of the search and the driver's name."""
    return search / DRIVERS / name if name else search


def is_shared(directory: Path) -> bool:
    """Whether several drivers run, or have run, the search of a directory."""
    return bool(other_drivers(directory))


def other_drivers(directory: Path) -> list[Path]:
    """The directories of the other drivers of a search, by the directory of one of them."""
    search = search_directory(directory)
    try:
        # A driver's directory is hidden until it is complete.
        names = sorted(
            entry.name for entry in os.scandir(search / DRIVERS) if not entry.name.startswith(".")
        )
    except OSError:
        names = []
    every = [driver_directory(search, name) for name in ("", *names)]
    return [each for each in every if each != directory]


def new_driver(search: Path) -> Path:
    """The directory of a driver that joins a search, named after this machine; it is not made."""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname().partition(".")[0])[:40]
    return search / DRIVERS / f"{host.strip('-') or 'driver'}_{secrets.token_hex(2)}"
