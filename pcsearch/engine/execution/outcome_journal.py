"""Writes the end of every trial into the journal, and knows when the storage has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import ITERATION


class OutcomeJournal(tune.Callback):
    """Records the end of every trial, in its outcome and in the journal.

    Args:
        outcomes: of the search's trials.
        journal: of the search.
    """

    def __init__(self, outcomes: Outcomes, journal: Journal) -> None:
        self._outcomes, self._journal = outcomes, journal
        self.has_failures = False
        """Whether a trial has failed for good in this session."""
        self.storage_error = ""
        """The error of the storage that has ended the search, in a line."""
        self.on_storage_error: Callable[[], None] = lambda: None
        """Called with the first of them."""
        self.on_end: Callable[[], None] = lambda: None
        """A function to call after the end of each trial, when it is in the journal."""

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has come to its end, its own or by the scheduler."""
        self._end(trial, None)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has failed for good; not where the storage has failed: it resumes later."""
        storage_error = getattr(trial, "storage_error", "")
        if storage_error:
            self.storage_error = storage_error
            self.on_storage_error()
        else:
            self._end(trial, str(getattr(trial, "error", "")))

    def _end(self, trial: Trial, error: str | None) -> None:
        outcome = self._outcomes.end(trial.trial_id, error)
        self.has_failures |= outcome.failed
        self._journal.add(
            TrialEnded(
                trial.trial_id,
                outcome.failed,
                list(outcome.values),
                outcome.ended_by_target,
                outcome.error,
                outcome.ended_by_user,
                reports=int(outcome.last_report.get(ITERATION) or 0),
            )
        )
        self.on_end()
