"""The ledger of a search whose drivers share a folder: a file of it says who runs which number.

A driver that claims a number locks the file, reads it and adds a line. All drivers read the same
file, and only while they have its lock, because a file system of several machines may show them an
older state of any other file. Each driver locks its own directory as long as it lives. Where no
number is left, a driver takes that of an unfinished trial whose driver does not hold its lock: it
notes in that driver's journal, under that lock, that the trial runs elsewhere.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pcsearch.engine.records.drivers.driver_directories import (
    driver_directory,
    driver_name,
    other_drivers,
    search_directory,
)
from pcsearch.engine.records.drivers.other_driver import OtherDriver
from pcsearch.engine.records.journal.events import Claimed
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Access, Claim, OtherResult
from pcsearch.engine.storage.files import append, writing

FILE = "claims.jsonl"
"""A line for each claim: its number and the driver's name. The last line of a number counts."""
LOCK_FILE = ".claims"
FIRST_LOCK_S = 10.0
"""How long the start of a session waits for a driver that claims a number."""
POLL_S = 3.0
"""How often the other drivers' journals are read, and dead drivers are looked for."""


class DirectoryLedger:
    """The ledger of a search whose drivers share a folder (`pcsearch.engine.records.ledger`).

    Args:
        directory: this driver's.
        history: of its earlier sessions.
        limit: the highest number of all drivers.
        budget: how many trials this driver may still begin.
        learns: whether the results of other drivers are wanted.
        tell: prints a line: that the journal of another driver cannot be read.

    Raises:
        StorageError: the file of the claims cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        history: History,
        limit: int,
        budget: int,
        *,
        learns: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._search, self._limit, self._learns = search_directory(directory), limit, learns
        self._directory, self._name = directory, driver_name(directory)
        self._budget = budget
        # The trials of these numbers are in the journal.
        self._own = {trial.number for trial in history.own}
        self._others: dict[str, OtherDriver] = {}
        # What the file says of each number, as far as it was read.
        self._owners: dict[int, str] = {}
        self._offset, self._lowest = 0, 1
        self._lost: list[int] = []
        self._tell, self._told = tell, set[str]()
        self._lock = FileLock(self._search / LOCK_FILE)
        self._has_nothing_left = False
        self._polled_at = self._looked_at = -POLL_S
        self._has_begun = False
        with self._locked(FIRST_LOCK_S) as is_locked:
            if is_locked:
                self._begin()

    @property
    def access(self) -> Access:
        """Closed after a trial of another driver has reached the target, else open."""
        if time.monotonic() - self._polled_at > POLL_S:
            self._poll()
        return "closed" if any(other.has_reached for other in self._others.values()) else "open"

    @property
    def is_ready(self) -> bool:
        """Whether no other driver claims a number just now."""
        if self.is_exhausted:
            return True
        with self._locked() as is_locked:
            return is_locked

    @property
    def is_exhausted(self) -> bool:
        """Whether no number is left for this driver, as far as is known."""
        return self._budget <= 0 or self._has_nothing_left

    def claim(self) -> Claim | None:
        """A claim; None where there is none, or another driver claims just now."""
        is_early = self._has_nothing_left and time.monotonic() - self._looked_at < POLL_S
        if self._budget <= 0 or is_early or self.access == "closed":
            return None
        with self._locked() as is_locked:
            number = self._free_number() if is_locked else None
            if number is None:
                return None
            self._add(number)
        self._budget -= 1
        self._own.add(number)
        claim = Claim(number, secrets.token_hex(4))
        if self._others:
            # The journal says with it that its numbers have gaps.
            Journal(self._directory).add(Claimed(claim.trial_id, number))
        return claim

    def note_running(self, trial_id: str) -> None:
        """Do nothing: a driver that lives holds its lock."""

    def new_results(self) -> Sequence[OtherResult]:
        """The results of other drivers that came since the last call."""
        if not self._learns:
            return []
        return [result for other in self._others.values() for result in other.new_results()]

    @contextmanager
    def _locked(self, patience: float = 0) -> Iterator[bool]:
        """Lock the file of the claims, if no other driver has it; whether it is locked."""
        with writing(Path(self._lock.lock_file)):
            try:
                self._lock.acquire(timeout=patience)
            except Timeout:
                yield False
                return
        try:
            yield True
        finally:
            self._lock.release()

    def _begin(self) -> None:
        """Read the file for the first time, and add the claims that it lacks.

        A search of an earlier version, a power cut or a damaged line leaves claims out.
        """
        self._has_begun = True
        for directory in other_drivers(self._directory):
            self._others[driver_name(directory)] = OtherDriver(directory)
        self._read()
        self._poll()
        owned = {self._name: self._own} | {name: o.numbers for name, o in self._others.items()}
        for name, numbers in owned.items():
            for number in sorted(numbers - self._owners.keys()):
                self._add(number, name)
        # A driver that was killed has claimed these, and begun no trial.
        mine = {number for number, owner in self._owners.items() if owner == self._name}
        self._lost = sorted(mine - self._own, reverse=True)

    def _poll(self) -> None:
        """Read what the other drivers have added to their journals."""
        self._polled_at = time.monotonic()
        for other in self._others.values():
            other.read()
            if other.problem and other.problem not in self._told:
                self._told.add(other.problem)
                self._tell(f"{other.problem}; nothing is learned of that driver until then")

    def _read(self) -> None:
        """Read what was added to the file of the claims, which is locked."""
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            self._offset += len(data)
            if data and not data.endswith(b"\n"):
                # A driver was killed while it wrote.
                self._write("\n")
            for line in data.splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    claim = json.loads(line)
                    self._owners[int(claim["number"])] = str(claim["driver"])
        new = {*self._owners.values()} - {self._name} - self._others.keys()
        for name in new:
            self._others[name] = OtherDriver(driver_directory(self._search, name))
            self._others[name].read()

    def _free_number(self) -> int | None:
        """A number that this driver may have, while the file is locked."""
        if not self._has_begun:
            self._begin()
        self._read()
        if self._lost:
            return self._lost.pop()
        while self._lowest in self._owners:
            self._lowest += 1
        if self._lowest <= self._limit:
            return self._lowest
        self._has_nothing_left, self._looked_at = True, time.monotonic()
        number = self._number_of_dead()
        self._has_nothing_left = number is None
        return number

    def _number_of_dead(self) -> int | None:
        """The number of an unfinished trial whose driver is dead, taken from that driver."""
        for name, other in self._others.items():
            other.read()
            numbers = {n for n, owner in self._owners.items() if owner == name}
            for number in sorted(n for n in numbers - other.ended_numbers if n <= self._limit):
                if other.give_up(number):
                    return number
        return None

    @property
    def _file(self) -> Path:
        return self._search / FILE

    def _add(self, number: int, name: str | None = None) -> None:
        """Write that a number is a driver's: this one's, or one of another name."""
        name = self._name if name is None else name
        self._write(json.dumps({"number": number, "driver": name}) + "\n")
        self._owners[number] = name

    def _write(self, text: str) -> None:
        append(self._file, text.encode())
        self._offset += len(text.encode())
