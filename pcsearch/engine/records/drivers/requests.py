"""The requests of a search: what a second terminal asks of its drivers, a file for each.

Anyone who may write the directory of a search may ask. All drivers of the search read the same
files. Their names have rising numbers, so that their order needs no clock. The files stay: whether
a search is paused is what the last request to pause it or to continue it says, also in a later
session. Trials that were to stop when a session ended stop in a later one. What else was asked
before a session began does nothing in it.
"""

from __future__ import annotations

import getpass
import json
import re
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.storage.files import reading, writing
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError

FOLDER = "requests"
NAME = re.compile(r"(\d{4,})_[0-9a-f]{8}\.json")
LONGEST = 1024 * 1024
"""In bytes."""
Kind = Literal["stop", "pause", "continue", "limit", "enqueue"]


@dataclass(frozen=True)
class Request:
    """What a second terminal asks of all drivers of a search.

    Args:
        kind: ``stop`` ends the sessions, or some trials; after ``pause`` no new trial starts, until
            ``continue``; ``limit`` sets how many trials a driver runs at once; ``enqueue`` has it
            try some configurations next.
        by: who asks, in words.
        trials: the numbers of the trials that stop; empty for the whole session.
        max_concurrent: the new limit.
        configs: the configurations to try next, or parts of them.
    """

    kind: Kind
    by: Annotated[str, Field(max_length=200)]
    trials: list[int] = field(default_factory=list)
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    configs: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kind == "limit" and self.max_concurrent is None:
            raise ValueError("a limit has a number")


class DamagedRequestError(PcsearchError):
    """The file of a request is damaged."""


class Requests:
    """The requests of a search, in a folder on this machine or at an address.

    Args:
        directory: of the search, or of a driver that has joined it.
        patience: for how many seconds a storage at an address is asked again where it does not
            answer, None for as long as usual.
    """

    def __init__(self, directory: ExperimentDirectory, patience: float | None = None) -> None:
        self._files: _Folder | _Below
        if directory.copy is None:
            self._files = _Folder(search_directory(directory.path) / FOLDER)
        else:
            self._files = _Below(directory.copy.store.below(FOLDER), patience)

    @property
    def is_remote(self) -> bool:
        """Whether they lie at an address."""
        return isinstance(self._files, _Below)

    def names(self) -> list[str]:
        """The names of all requests, in the order in which they were made.

        Raises:
            StorageError: they cannot be listed.
        """
        return sorted(filter(NAME.fullmatch, self._files.names()), key=_order)

    def read(self, name: str) -> Request:
        """The request of a name.

        Raises:
            DamagedRequestError: its file is damaged, or is gone.
            StorageError: it cannot be read.
        """
        data = self._files.get(name)
        with suppress(ValueError):
            if data is not None and len(data) <= LONGEST:
                return _adapter().validate_json(data)
        place = self._files.place_of(name)
        raise DamagedRequestError(f"{place}: the request is damaged, and is ignored; ask again")

    def add(self, request: Request) -> str:
        """Make a request, and return its name.

        Raises:
            PcsearchError: it is too long.
            StorageError: it cannot be written.
        """
        data = json.dumps(asdict(request)).encode()
        if len(data) > LONGEST:
            message = f"the request has {len(data):,} bytes, at most {LONGEST:,} go: give fewer"
            raise PcsearchError(f"{message} configurations at a time")
        number = max((_order(name)[0] for name in self.names()), default=0) + 1
        name = f"{number:04d}_{secrets.token_hex(4)}.json"
        self._files.put(name, data)
        return name


def asker() -> str:
    """Who runs this process, in words."""
    user = "somebody"
    # In a container the user may have no name.
    with suppress(Exception):
        user = getpass.getuser()
    return f"{user} on {socket.gethostname()}"[:200]


def pausing(requests: Requests, names: Sequence[str]) -> Request | None:
    """The request by which a search is paused, None where it is not.

    Args:
        requests: of the search.
        names: of those that count, in their order.

    Raises:
        StorageError: the requests cannot be read.
    """
    for name in reversed(names):
        with suppress(DamagedRequestError):
            request = requests.read(name)
            if request.kind in ("pause", "continue"):
                return request if request.kind == "pause" else None
    return None


class _Folder:
    """The files of a folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        with reading(self._folder):
            return [file.name for file in self._folder.iterdir()] if self._folder.is_dir() else []

    def get(self, name: str) -> bytes | None:
        file = self._folder / name
        with reading(file):
            try:
                with file.open("rb") as opened:
                    return opened.read(LONGEST + 1)
            except FileNotFoundError:
                return None

    def put(self, name: str, data: bytes) -> None:
        with writing(self._folder / name):
            self._folder.mkdir(exist_ok=True)
            hidden = self._folder / f".{name}"
            hidden.write_bytes(data)
            hidden.rename(self._folder / name)

    def place_of(self, name: str) -> str:
        return str(self._folder / name)


class _Below:
    """The files of a folder at an address."""

    def __init__(self, store: Store, patience: float | None) -> None:
        self._store, self._patience = store, patience

    def names(self) -> list[str]:
        return list(self._store.files(self._patience))

    def get(self, name: str) -> bytes | None:
        return self._store.get(name, self._patience)

    def put(self, name: str, data: bytes) -> None:
        self._store.put(name, data, self._patience)

    def place_of(self, name: str) -> str:
        return self._store.below(name).address


def _order(name: str) -> tuple[int, str]:
    number, _, rest = name.partition("_")
    return int(number), rest


@cache
def _adapter() -> TypeAdapter[Request]:
    return TypeAdapter(Request)
