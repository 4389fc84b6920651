"""The journal of a search: a line for everything that it has decided, written as it happens.

A search is restored from it and from its trials' own files (reports and checkpoints). Tune's state
is not safe from a kill: it is written every few seconds, over the state before, and in pickles.

A long journal has several files, ``journal.jsonl``, ``journal.0002.jsonl`` and so on: in a storage
at an address a file is written anew for every line.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter

from pcsearch.engine.storage.files import display_path, end_last_line, reading, writing
from pcsearch.errors import PcsearchError

FILE = "journal.jsonl"
LARGEST_FILE = 64 * 1024
# A thread of its own tells of W&B's runs.
_WRITING = threading.Lock()


@dataclass(frozen=True)
class Suggested:
    """A trial has been suggested; it has not started before this is written.

    Args:
        trial: its id.
        number: its number, from 1.
        point: what Optuna has chosen, None where the number alone says what the trial is.
    """

    name: ClassVar[str] = "suggested"
    trial: str
    number: int
    point: dict[str, Any] | None = None


@dataclass(frozen=True)
class Compared:
    """A trial was compared with others at a rung.

    Args:
        trial: its id.
        rung: in epochs.
        loss: its value with the sign with which less is better, None without a finite one.
        stopped: whether that ended it.
    """

    name: ClassVar[str] = "compared"
    trial: str
    rung: int
    loss: float | None
    stopped: bool


@dataclass(frozen=True)
class ReachedTarget:
    """A trial has ended the search: its report was as good as the metrics' targets.

    Args:
        trial: its id.
        values: of the metrics that have a target.
        epoch: of the report, as Tune counts.
    """

    name: ClassVar[str] = "reached target"
    trial: str
    values: list[float | None]
    epoch: int = 0


@dataclass(frozen=True)
class Ended:
    """A trial has come to its end.

    Args:
        trial: its id.
        failed: whether it failed.
        values: the best of each metric, None where there is none.
        by_target: whether it was ended because another reached the target.
        error: the first lines of what made it fail.
        by_hand: whether the user stopped it, from W&B.
    """

    name: ClassVar[str] = "ended"
    trial: str
    failed: bool
    values: list[float | None]
    by_target: bool = False
    error: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class Retried:
    """A trial that had failed is to be retried."""

    name: ClassVar[str] = "again"
    trial: str


@dataclass(frozen=True)
class Known:
    """A result of an older search that the searcher has started from.

    Args:
        source: that search's directory.
        trial: the id that the trial has there.
        point: where it lies in this search's space, as Optuna has it.
        values: of this search's metrics.
    """

    name: ClassVar[str] = "known"
    source: str
    trial: str
    point: dict[str, Any]
    values: list[float]


@dataclass(frozen=True)
class Tracked:
    """A trial's W&B run has been closed with everything in it.

    Args:
        trial: its id.
        step: of the run's last row.
    """

    name: ClassVar[str] = "tracked"
    trial: str
    step: int


Event = Suggested | Compared | ReachedTarget | Ended | Retried | Known | Tracked
KINDS: dict[str, type[Event]] = {
    kind.name: kind for kind in (Suggested, Compared, ReachedTarget, Ended, Retried, Known, Tracked)
}


class Journal:
    """The file, or files, of the events of a search.

    Args:
        directory: the experiment's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def path(self) -> Path:
        """The file that is written to."""
        *_, last = self._files()
        if last.exists() and last.stat().st_size >= LARGEST_FILE:
            return self._file(len(self._files()) + 1)
        return last

    def _files(self) -> list[Path]:
        """All of them, in the order of their events; the first where there is none."""
        found = [self._file(1)]
        while (more := self._file(len(found) + 1)).exists():
            found.append(more)
        return found

    def _file(self, number: int) -> Path:
        return self._directory / (FILE if number == 1 else f"journal.{number:04d}.jsonl")

    def add(self, event: Event) -> None:
        """Write an event, to stay: it is on the disk when this returns.

        Raises:
            PcsearchError: the disk is full or cannot be written. The file is as it was.
        """
        line = json.dumps({"event": event.name, **asdict(event)}).encode() + b"\n"
        with _WRITING:
            path = self.path
            with writing(path), path.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    written = file.write(line)
                    os.fsync(file.fileno())
                    if written != len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                except OSError:
                    file.truncate(before)
                    raise

    def cut_torn_line(self) -> None:
        """Cut off the line that a killed search did not finish."""
        *_, last = self._files()
        with writing(last):
            end_last_line(last)

    def events(self) -> Iterator[Event]:
        """What has been written so far, without a last line that a killed search did not finish.

        Raises:
            PcsearchError: another line is damaged.
        """
        for file in self._files():
            if file.exists():
                yield from self._events_of(file)

    def _events_of(self, file: Path) -> Iterator[Event]:
        with reading(file):
            lines = file.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                values = json.loads(line)
                adapter = _adapters()[values.pop("event")]
                yield adapter.validate_python(values)
            # Also pydantic's errors are ValueErrors.
            except (ValueError, KeyError, TypeError, AttributeError):
                raise PcsearchError(
                    f"{display_path(file)}:{number}: the line is damaged, and with it the search; "
                    "put the file's copy of a backup in its place"
                ) from None


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(kind) for name, kind in KINDS.items()}
