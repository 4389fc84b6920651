"""The ledger of a search whose drivers share a folder: a file of it says who runs which number.

A driver that claims a number locks the file, reads it and adds a line. All drivers read the same
file, and only while they have its lock, because a file system of several machines may show them an
older state of any other file. Each driver locks its own directory as long as it lives. Where no
number is left, a driver takes that of an unfinished trial whose driver does not hold its lock: it
notes in that driver's journal, under that lock, that the trial runs elsewhere.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pcsearch.engine.records.drivers import driver_directory, driver_name, search_directory
from pcsearch.engine.records.history import History, give_up, read_history
from pcsearch.engine.records.journal import Claimed, Journal
from pcsearch.engine.records.ledger import Access, Claim, OtherResult
from pcsearch.engine.records.other_driver import OtherDriver
from pcsearch.engine.storage.files import writing
from pcsearch.engine.storage.lock import locked
from pcsearch.errors import PcsearchError

FILE = "claims.jsonl"
"""A line for each claim: its number and the driver's name. The last line of a number counts."""
LOCK_FILE = ".claims"
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
    """

    def __init__(
        self, directory: Path, history: History, limit: int, budget: int, *, learns: bool = False
    ) -> None:
        self._search, self._limit, self._learns = search_directory(directory), limit, learns
        self._directory, self._name = directory, driver_name(directory)
        self._budget = budget
        # The trials of these numbers are in the journal.
        self._own = {trial.number for trial in history.own}
        self._others: dict[str, OtherDriver] = {}
        # What the file says of each number, as far as it was read.
        self._owners: dict[int, str] = {}
        self._offset, self._lowest, self._has_read = 0, 1, False
        self._lost: list[int] = []
        self._lock = FileLock(self._search / LOCK_FILE)
        self._has_nothing_left = False
        self._polled_at = self._looked_at = -POLL_S

    @property
    def access(self) -> Access:
        """Closed after a trial of another driver has reached the target, else open."""
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
        if self._budget <= 0 or is_early:
            return None
        self._poll()
        with self._locked() as is_locked:
            if not is_locked:
                return None
            number = self._free_number()
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

    def begun(self, trial_id: str) -> None:
        """Do nothing: a driver that lives holds its lock."""

    def new_results(self) -> Sequence[OtherResult]:
        """The results of other drivers that came since the last call."""
        if not self._learns:
            return []
        return [result for other in self._others.values() for result in other.new_results()]

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Lock the file of the claims, if no other driver has it; whether it is locked."""
        with writing(Path(self._lock.lock_file)):
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                yield False
                return
        try:
            yield True
        finally:
            self._lock.release()

    def _poll(self) -> None:
        """Read what the other drivers have added to their journals, not more often than needed."""
        if time.monotonic() - self._polled_at > POLL_S:
            self._polled_at = time.monotonic()
            for other in self._others.values():
                other.read()

    def _read(self) -> None:
        """Read what was added to the file of the claims, which is locked."""
        is_first, self._has_read = not self._has_read, True
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
        for name in {*self._owners.values()} - {self._name} - self._others.keys():
            self._others[name] = OtherDriver(driver_directory(self._search, name))
        if is_first:
            # A search of an earlier version, or a power cut, leaves claims out of the file.
            for number in sorted(self._own - self._owners.keys()):
                self._add(number)
            # A driver that was killed has claimed these, and begun no trial.
            mine = (number for number, owner in self._owners.items() if owner == self._name)
            self._lost = sorted(set(mine) - self._own, reverse=True)

    def _free_number(self) -> int | None:
        """A number that this driver may have, while the file is locked."""
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
                if _give_up(other.directory, number):
                    return number
        return None

    @property
    def _file(self) -> Path:
        return self._search / FILE

    def _add(self, number: int) -> None:
        self._owners[number] = self._name
        self._write(json.dumps({"number": number, "driver": self._name}) + "\n")

    def _write(self, text: str) -> None:
        with writing(self._file), self._file.open("ab", buffering=0) as file:
            self._offset += file.write(text.encode())
            os.fsync(file.fileno())


def _give_up(directory: Path, number: int) -> bool:
    """Write into a driver's journal that a number's trial runs elsewhere, if the driver is dead.

    Returns:
        Whether it is dead, and has not trained the trial to its end.
    """
    try:
        with locked(directory):
            journal = Journal(directory)
            journal.cut_torn_line()
            history = read_history(directory)
            trials = [trial for trial in history.own if trial.number == number]
            if any(trial.over for trial in trials):
                return False
            for trial in trials:
                journal.add(give_up(history, trial.id))
            return True
    except PcsearchError:
        # It lives, or it cannot be read: its trials stay its own.
        return False
