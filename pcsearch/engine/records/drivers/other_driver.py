"""What the journal of another driver of a search says about its trials."""

from __future__ import annotations

import json
from pathlib import Path

from pcsearch.engine.records.journal.events import (
    Compared,
    Event,
    Heeded,
    ReachedTarget,
    Retried,
    Suggested,
    TrialEnded,
)
from pcsearch.engine.records.journal.history import VALUES_FILE, TrialHistory, folder_name
from pcsearch.engine.records.journal.journal_file import Journal, JournalFollower
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.storage.lock import locked
from pcsearch.errors import PcsearchError


class OtherDriver:
    """Another driver, as far as its journal was read.

    Args:
        directory: the driver's.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.has_reached = False
        """Whether one of its trials has reached the target, which ends the search."""
        self.problem = ""
        """What is wrong with its journal, a line; empty where nothing is."""
        self.heeded: dict[str, Heeded] = {}
        """What it has said to the requests of second terminals, by the requests' names."""
        self._follower = JournalFollower(directory)
        self._trials: dict[str, TrialHistory] = {}
        # In the order of their ends; those that were retried since are not among them.
        self._new: dict[str, TrialHistory] = {}
        self._told: set[str] = set()

    @property
    def ended_numbers(self) -> set[int]:
        """The numbers of the trials that it has trained to their ends."""
        ends = ((trial.number, trial.end) for trial in self._trials.values())
        return {number for number, end in ends if end is not None and not end.elsewhere}

    @property
    def numbers(self) -> set[int]:
        """The numbers of its trials, without those that other drivers run again."""
        trials = self._trials.values()
        return {t.number for t in trials if t.end is None or not t.end.elsewhere}

    def read(self) -> None:
        """Read what was added to the journal; nothing more after a damaged line (`problem`)."""
        if self.problem:
            return
        try:
            for event in self._follower.new_events():
                self._note(event)
        except PcsearchError as error:
            self.problem = str(error)
        except KeyError as error:
            self.problem = f"{self.directory}: the journal is damaged: it lacks the trial {error}"

    def give_up(self, number: int) -> bool:
        """Note in its journal that a number's trial runs elsewhere, if the driver is dead.

        Returns:
            Whether it is dead, and has not trained the trial to its end.
        """
        try:
            with locked(self.directory, patience=0):
                journal = Journal(self.directory)
                journal.cut_torn_line()
                self.read()
                trials = [trial for trial in self._trials.values() if trial.number == number]
                if self.problem or any(trial.over for trial in trials):
                    return False
                for trial in trials:
                    journal.add(TrialEnded(trial.id, False, [], elsewhere=True))
                self.read()
                return True
        except PcsearchError:
            # It lives, or its directory cannot be written: its trials stay its own.
            return False

    def new_results(self) -> list[OtherResult]:
        """The results of the trials that have ended since the last call, each once."""
        new, self._new = self._new, {}
        results = [result for trial in new.values() if (result := _result(trial)) is not None]
        self._told |= new.keys()
        return results

    def _note(self, event: Event) -> None:
        match event:
            case Suggested():
                folder = self.directory / folder_name(event.number, event.trial)
                trial = TrialHistory(event.trial, event.number, event.point, folder)
                self._trials[trial.id] = trial
            case Compared(stopped=True):
                self._trials[event.trial].stopped_at = event.stopped_at
            case TrialEnded():
                trial = self._trials[event.trial]
                trial.end = event
                if trial.id not in self._told:
                    self._new[trial.id] = trial
            case Retried():
                self._trials[event.trial].end = None
                self._new.pop(event.trial, None)
            case ReachedTarget():
                self.has_reached = True
            case Heeded():
                self.heeded[event.request] = event


def _result(trial: TrialHistory) -> OtherResult | None:
    """What a trial that has ended says about its configuration, None where it says little.

    The best value of a trial that was cut short is not that of a whole trial.
    """
    end = trial.end
    if end is None or end.elsewhere or end.by_hand or end.by_target:
        return None
    values = [value for value in end.values if value is not None]
    # Also one that diverged, or has ended without a value.
    went_wrong = end.failed or len(values) < len(end.values)
    if not went_wrong and trial.stopped_at is not None:
        return None
    try:
        config = json.loads((trial.folder / VALUES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return OtherResult(trial.id, config, None if went_wrong else values)
