"""The journal of a search: a file with a line for each decision, written before it takes effect.

A search is resumed from its journal and its trials' own files (reports and checkpoints). Tune's
state is not safe from a kill: it is written every few seconds, over the state before, in pickles.

A long journal has several files, ``journal.jsonl``, ``journal.0002.jsonl`` and so on: a storage at
an address writes a whole file for every new line, so the files must stay small.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pcsearch.engine.records.journal.events import Event, event_of, line_of
from pcsearch.engine.storage.files import append, display_path, end_last_line, reading, writing
from pcsearch.errors import PcsearchError

FILE = "journal.jsonl"
LARGEST_FILE = 64 * 1024
Kind = TypeVar("Kind", bound=Event)
# Threads of the W&B runs write too.
_WRITING = threading.Lock()


class Journal:
    """The file, or files, of the events of a search.

    Args:
        directory: the experiment's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def path(self) -> Path:
        """The file that gets the next line."""
        *_, last = self._files()
        if last.exists() and last.stat().st_size >= LARGEST_FILE:
            return self.file(len(self._files()) + 1)
        return last

    def _files(self) -> list[Path]:
        """All files, oldest first; the first is listed even before it exists."""
        files = [self.file(1)]
        while (following := self.file(len(files) + 1)).exists():
            files.append(following)
        return files

    def file(self, number: int) -> Path:
        """The file of a number, from 1."""
        return self._directory / (FILE if number == 1 else f"journal.{number:04d}.jsonl")

    def add(self, event: Event) -> None:
        """Write an event; it is on the disk when this returns.

        Raises:
            PcsearchError: the disk is full or cannot be written. The file is as it was.
        """
        with _WRITING:
            append(self.path, line_of(event))

    def cut_torn_line(self) -> None:
        """Cut off the line that a killed search did not finish."""
        *_, last = self._files()
        with writing(last):
            end_last_line(last)

    def events(self) -> Iterator[Event]:
        """The events so far, without a last line that a killed search did not finish.

        Raises:
            PcsearchError: another line is damaged.
        """
        for file in self._files():
            for number, line in enumerate(_lines_of(file), 1):
                yield _event(line, file, number)

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        """The events of one kind, oldest first; lines of other kinds are not read."""
        begin = b'{"event": "%s"' % kind.name.encode()
        found: list[Kind] = []
        for file in self._files():
            lines = _lines_of(file)
            for number, line in enumerate(lines, 1):
                event = _event(line, file, number) if line.startswith(begin) else None
                found += [event] if isinstance(event, kind) else []
        return found


class JournalFollower:
    """Reads what another process adds to a journal.

    Args:
        directory: the experiment's.
    """

    def __init__(self, directory: Path) -> None:
        self._journal = Journal(directory)
        self._file, self._line, self._offset = 1, 0, 0

    def new_events(self) -> Iterator[Event]:
        """The events since the last call, without a line that is not complete yet.

        Raises:
            PcsearchError: a line is damaged.
        """
        while True:
            file = self._journal.file(self._file)
            # It only grows, and the next file begins when this one gets no more lines.
            is_last = not self._journal.file(self._file + 1).exists()
            for line in self._new_lines(file):
                self._line += 1
                self._offset += len(line) + 1
                yield _event(line, file, self._line)
            if is_last:
                return
            self._file, self._line, self._offset = self._file + 1, 0, 0

    def _new_lines(self, file: Path) -> list[bytes]:
        with reading(file):
            if not file.exists() or file.stat().st_size <= self._offset:
                return []
            with file.open("rb") as opened:
                opened.seek(self._offset)
                return opened.read().split(b"\n")[:-1]


def _lines_of(file: Path) -> list[bytes]:
    """The whole lines of a file, none where it is not there."""
    if not file.exists():
        return []
    with reading(file):
        return file.read_bytes().split(b"\n")[:-1]


def _event(line: bytes, file: Path, number: int) -> Event:
    try:
        return event_of(line)
    except ValueError:
        raise PcsearchError(
            f"{display_path(file)}:{number}: the line is damaged; "
            "put a copy of the file from a backup in its place"
        ) from None
