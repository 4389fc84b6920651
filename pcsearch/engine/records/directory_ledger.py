"""The ledger of a search whose drivers share a folder: their journals say who runs which trial.

A driver that claims a number holds a lock of the search until the trial is in its own journal.
Under the lock it reads what the others have added to theirs, so no number is claimed twice. Each
driver locks its own directory as long as it lives. Where no number is left, a driver takes those of
the unfinished trials whose driver does not hold its lock: it notes in that driver's journal, under
that lock, that the trial runs elsewhere.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from pcsearch.engine.records.drivers import other_drivers, search_directory
from pcsearch.engine.records.history import TrialHistory, folder_name, give_up, read_history
from pcsearch.engine.records.journal import (
    Compared,
    Ended,
    Event,
    Journal,
    JournalFollower,
    ReachedTarget,
    Retried,
    Suggested,
)
from pcsearch.engine.records.ledger import Access, Claim, OtherResult
from pcsearch.engine.storage.files import writing
from pcsearch.engine.storage.lock import locked
from pcsearch.errors import PcsearchError
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON

LOCK_FILE = ".claims"
LOCK_S = 2.0
"""How long a driver waits for another one that chooses a trial."""
POLL_S = 3.0
"""How often the journals are read where no trial is wanted, and dead drivers are looked for."""


class DirectoryLedger:
    """The ledger of a search whose drivers share a folder (`pcsearch.engine.records.ledger`).

    Args:
        directory: this driver's.
        own: its trials of earlier sessions.
        limit: the highest number of all drivers.
        budget: how many trials this driver may still begin.
        learns: whether the results of other drivers are wanted.
    """

    def __init__(
        self,
        directory: Path,
        own: Iterable[TrialHistory],
        limit: int,
        budget: int,
        *,
        learns: bool = False,
    ) -> None:
        self._directory, self._limit, self._learns = directory, limit, learns
        self._budget = budget
        self._own = {trial.number for trial in own if not (trial.end and trial.end.elsewhere)}
        self._others: dict[Path, _Other] = {}
        self._lowest = 1
        self._lock = FileLock(search_directory(directory) / LOCK_FILE)
        self._is_busy = self._has_nothing_left = False
        self._read_at = -POLL_S

    @property
    def access(self) -> Access:
        """Closed after a trial of another driver has reached the target, else open."""
        if time.monotonic() - self._read_at > POLL_S:
            self._read()
        return "closed" if any(other.has_reached for other in self._others.values()) else "open"

    @property
    def is_ready(self) -> bool:
        """Whether no other driver is about to choose a trial just now."""
        if self._is_busy and self._acquire(0):
            self._lock.release()
        return not self._is_busy

    @property
    def is_exhausted(self) -> bool:
        """Whether no number is left for this driver, as far as is known."""
        return self._budget <= 0 or self._has_nothing_left

    def claim(self) -> Claim | None:
        """A claim, with the lock on the search; None where there is none."""
        if self._budget <= 0 or not self._acquire(LOCK_S):
            return None
        number = None
        try:
            self._read()
            number = self._next_free()
            if number is None:
                self._has_nothing_left = not self._free_dead()
                number = self._next_free()
        finally:
            if number is None:
                self._lock.release()
        if number is None:
            return None
        self._budget -= 1
        self._own.add(number)
        return Claim(number, secrets.token_hex(4))

    def settled(self) -> None:
        """Let other drivers choose: the claimed trial is in the journal, or there will be none."""
        self._lock.release()

    def begun(self, trial_id: str) -> None:
        """Do nothing: a driver that lives holds its lock."""

    def new_results(self) -> Sequence[OtherResult]:
        """The results of other drivers that came since the last call."""
        if not self._learns:
            return []
        return [result for other in self._others.values() for result in other.new_results()]

    def _acquire(self, seconds: float) -> bool:
        with writing(Path(self._lock.lock_file)):
            try:
                self._lock.acquire(timeout=seconds, poll_interval=0.02)
                self._is_busy = False
            except Timeout:
                self._is_busy = True
        return not self._is_busy

    def _read(self) -> None:
        """Read what the other drivers have added to their journals."""
        self._read_at = time.monotonic()
        for directory in other_drivers(self._directory):
            self._others.setdefault(directory, _Other(directory)).read()

    def _next_free(self) -> int | None:
        """The lowest number that no driver has."""
        taken = self._own.union(*(other.numbers for other in self._others.values()))
        while self._lowest in taken:
            self._lowest += 1
        return self._lowest if self._lowest <= self._limit else None

    def _free_dead(self) -> bool:
        """Give up the unfinished trials of drivers that are dead; whether there were any."""
        found = False
        for other in self._others.values():
            if other.is_unfinished and other.give_up():
                other.read()
                found = True
        if found:
            self._lowest = 1
        return found


class _Other:
    """What the journal of another driver says.

    Args:
        directory: the driver's.
    """

    def __init__(self, directory: Path) -> None:
        self.has_reached = False
        """Whether one of its trials has reached the target, which ends the search."""
        self._directory = directory
        self._follower = JournalFollower(directory)
        self._trials: dict[str, TrialHistory] = {}
        self._new: list[TrialHistory] = []

    @property
    def numbers(self) -> set[int]:
        """The numbers that are this driver's."""
        return {
            trial.number
            for trial in self._trials.values()
            if trial.end is None or not trial.end.elsewhere
        }

    @property
    def is_unfinished(self) -> bool:
        """Whether it has trials that have not ended."""
        return any(trial.end is None for trial in self._trials.values())

    def read(self) -> None:
        """Read what was added."""
        for event in self._follower.new_events():
            self._note(event)

    def new_results(self) -> list[OtherResult]:
        """The results of the trials that have ended since the last call."""
        new, self._new = self._new, []
        return [result for trial in new if (result := _result(trial)) is not None]

    def give_up(self) -> bool:
        """Write into its journal that its unfinished trials run elsewhere, if it is dead."""
        try:
            with locked(self._directory):
                journal = Journal(self._directory)
                journal.cut_torn_line()
                history = read_history(self._directory)
                lost = [trial.id for trial in history.unfinished]
                for trial_id in lost:
                    journal.add(give_up(history, trial_id))
                return bool(lost)
        except PcsearchError:
            # It lives, or it cannot be read: its trials stay its own.
            return False

    def _note(self, event: Event) -> None:
        match event:
            case Suggested():
                folder = self._directory / folder_name(event.number, event.trial)
                trial = TrialHistory(event.trial, event.number, event.point, folder)
                self._trials[trial.id] = trial
            case Compared(stopped=True):
                self._trials[event.trial].stopped_at = event.rung
            case Ended():
                trial = self._trials[event.trial]
                trial.end = event
                self._new.append(trial)
            case Retried():
                self._trials[event.trial].end = None
            case ReachedTarget():
                self.has_reached = True


def _result(trial: TrialHistory) -> OtherResult | None:
    """What a trial that has ended says about its configuration, None where it says little.

    The best value of a trial that was cut short is not that of a whole trial.
    """
    end = trial.end
    if end is None or end.elsewhere or end.by_hand or end.by_target:
        return None
    went_wrong = end.failed or (trial.last_report or {}).get(EARLY_STOP_REASON) == DIVERGED
    values = [value for value in end.values if value is not None]
    if not went_wrong and (trial.stopped_at is not None or len(values) < len(end.values)):
        return None
    try:
        config = json.loads((trial.folder / "params.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return OtherResult(trial.id, config, None if went_wrong else values)
