"""The outcomes of all trials of a search: how many have ended, how many failed, and the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pcsearch.engine.records.journal.events import ReachedTarget
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcome import TrialOutcome, outcome_of
from pcsearch.engine.records.report import Report, epoch_of
from pcsearch.pc.metrics import EPOCH
from pcsearch.sweeps.metrics import Metric


def _unknown(_: Mapping[str, Any]) -> int | None:
    """None: for a search that does not know how many epochs its trials train."""
    return None


class Outcomes:
    """The outcomes of all trials of a search, by the trials' ids.

    Args:
        metrics: what the search's trials are compared by; may be empty.
        time_attr: as in `TrialOutcome`.
        epochs: tells how many epochs a trial of a configuration trains if nothing stops it.
        history: what the earlier sessions of the search have written.
        curves: whether the learning curves of ended trials are read too.
        compared_by: as in `TrialOutcome`.
        epoch_key: as in `TrialOutcome`.
    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        time_attr: str = EPOCH,
        epochs: Callable[[Mapping[str, Any]], int | None] = _unknown,
        history: History | None = None,
        curves: bool = False,
        compared_by: int = 0,
        epoch_key: str | None = None,
    ) -> None:
        self.metrics, self.compared_by = tuple(metrics), compared_by
        self.ended_count = 0
        """How many trials have ended."""
        self.failures = 0
        """How many of them failed."""
        self.reached: ReachedTarget | None = None
        """The report that reached the target and so ended the search."""
        self.best: TrialOutcome | None = None
        """The best trial that has ended; of several metrics, by the first."""
        self.last_ended = None if history is None else history.last_ended
        """The id of the trial that ended last, None before any has."""
        self.has_all: Callable[[], bool] = lambda: False
        """Whether a race has no run left; a session sets it. Of other searches it is False."""
        self._time_attr, self._epochs, self._epoch_key = time_attr, epochs, epoch_key
        self._by_id: dict[str, TrialOutcome] = {}
        # By the numbers of configurations, and those of which it is not known yet.
        self._runs: dict[int, list[TrialOutcome]] = {}
        self._unplaced: list[TrialOutcome] = []
        for trial in history.trials if history is not None else ():
            outcome = outcome_of(trial, self.metrics, time_attr, curves, compared_by, epoch_key)
            self._add(outcome)
            if outcome.ended:
                self._count(outcome)

    def __iter__(self) -> Iterator[TrialOutcome]:
        return iter(self._by_id.values())

    def of(self, trial_id: str) -> TrialOutcome:
        """The outcome of a trial, a new one where the trial is new."""
        if trial_id not in self._by_id:
            self._add(
                TrialOutcome(
                    trial_id,
                    self.metrics,
                    self._time_attr,
                    epoch_key=self._epoch_key,
                    compared_by=self.compared_by,
                )
            )
        return self._by_id[trial_id]

    def runs_of(self, configuration: int) -> Sequence[TrialOutcome]:
        """The runs of a configuration, by its number, where seeds are replicates.

        It does not look at the runs of others: a scheduler asks at every report.
        """
        unplaced, self._unplaced = self._unplaced, []
        for each in unplaced:
            if each.replicate is None:
                self._unplaced.append(each)
            else:
                self._runs.setdefault(each.replicate.configuration, []).append(each)
        return self._runs.get(configuration, ())

    def begin(self, trial_id: str, number: int, config: Mapping[str, Any]) -> TrialOutcome:
        """Set the number and the values of a trial, new or from an earlier session."""
        outcome = self.of(trial_id)
        outcome.number, outcome.config = number, config
        outcome.epochs = self._epochs(config)
        return outcome

    def end(self, trial_id: str, error: str | None = None) -> TrialOutcome:
        """Record that a trial has ended.

        Args:
            trial_id: the trial's id.
            error: the first lines of its error, None where it did not fail.
        """
        outcome = self.of(trial_id)
        if outcome.ended:
            # Tune ends a trial again where writing its end has failed.
            self._count(outcome, -1)
        outcome.ended, outcome.failed, outcome.error = True, error is not None, error or ""
        outcome.ended_by_user = outcome.stop_requested and not outcome.failed
        self._count(outcome)
        self.last_ended = trial_id
        return outcome

    def reach_target(self, reached: ReachedTarget) -> None:
        """Record that a trial has reached the target, which ends the search.

        Where seeds are replicates, all runs of its configuration have.
        """
        self.reached = reached
        winner = self.of(reached.trial)
        winner.reached_target = True
        if winner.replicate is not None:
            for each in self.runs_of(winner.replicate.configuration):
                each.reached_target = True

    def epoch(self, report: Report) -> int:
        """The epoch of a report, 0 of an empty one."""
        return epoch_of(report, self._time_attr)

    def _add(self, outcome: TrialOutcome) -> None:
        self._by_id[outcome.trial_id] = outcome
        self._unplaced.append(outcome)

    def _count(self, outcome: TrialOutcome, change: int = 1) -> None:
        self.ended_count += change
        self.failures += change * outcome.failed
        self._compare(outcome)

    def _compare(self, outcome: TrialOutcome) -> None:
        """Make an ended trial the best one if it is better than those before it."""
        value = outcome.values[0] if outcome.values and not outcome.failed else None
        if value is None or None in outcome.values:
            return
        before = None if self.best is None else self.best.values[0]
        if self.metrics[0].better(value, before):
            self.best = outcome
