"""The outcome of a trial: its values, its status, and why it ended.

Everything that asks what became of a trial asks here: scheduler, searcher, tables and W&B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.journal.history import TrialHistory, folder_name
from pcsearch.engine.records.learning_curve import LearningCurve
from pcsearch.engine.records.report import (
    SECONDS,
    Report,
    diverged,
    epoch_of,
    measured,
    numbers_of_trial,
)
from pcsearch.engine.records.trial_result import Status, TrialResult, is_whole
from pcsearch.pc.metrics import EARLY_STOP_REASON, EPOCH
from pcsearch.sweeps.metrics import Metric


@dataclass
class TrialOutcome:
    """The outcome of one trial so far: what it reported, whether it has ended, and why.

    Args:
        trial_id: Tune's id of the trial.
        metrics: the metrics of the search, in the order of the sweep file.
        time_attr: the name in a report that has its epoch; `ITERATION` where an epoch is a report.
        number: from 1, in the order of suggestion.
        epoch_key: what its reports say their epoch by, which rungs count then; None where the trial
            says nothing.
        config: the values that it was given.
        epochs: how many it trains if nothing stops it, None where that is not known.
        last_report: the newest report, empty before the first.
        latest: the values of the newest report that has a finite number of each metric.
        best: the best value so far, in a list of one; with several metrics the same as
            ``latest``, because no report is the best in all of them.
        compared_by: the index of the metric of its learning curve.
        ended: whether it has ended.
        failed: whether it has ended with an error.
        error: the first lines of what made it fail, else an empty string.
        stopped_at: the epoch at which the scheduler stopped it.
        reached_target: whether it ended the search by reaching the metric's target.
        ended_by_target: whether it was ended because another trial reached the target.
        stop_requested: whether the user has asked to stop it, from W&B or a second terminal.
        ended_by_user: whether that has ended it.
        ended_elsewhere: whether another driver has taken its number over, and runs that again.
        without_value: whether the journal says that it ended without a value.
        replicate: of which configuration it is a run; None where seeds are no replicates.
    """

    trial_id: str
    metrics: tuple[Metric, ...]
    time_attr: str = EPOCH
    number: int = 0
    epoch_key: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    last_report: Report = field(default_factory=dict)
    latest: list[float] | None = None
    best: list[float] | None = None
    compared_by: int = 0
    ended: bool = False
    failed: bool = False
    error: str = ""
    stopped_at: int | None = None
    reached_target: bool = False
    ended_by_target: bool = False
    stop_requested: bool = False
    ended_by_user: bool = False
    ended_elsewhere: bool = False
    without_value: bool = False
    replicate: Replicate | None = None

    def __post_init__(self) -> None:
        name = self.metrics[self.compared_by].name if self.metrics else None
        self._learning = LearningCurve(name, self.time_attr, self.epoch_key)

    def add(self, report: Report) -> None:
        """Add a report; to add the same report twice changes nothing."""
        self.last_report = report
        self._learning.add(report)
        values = [measured(report, metric.name) for metric in self.metrics]
        latest = [value for value in values if value is not None]
        if not latest or len(latest) < len(self.metrics):
            return
        self.latest = latest
        if self.best is None or len(latest) > 1 or self.metrics[0].better(latest[0], self.best[0]):
            self.best = latest

    def begin_anew(self, report: Report) -> None:
        """Forget all reports but this one: they are of an earlier try that nothing is left of."""
        self.latest = self.best = None
        self._learning.clear()
        self.add(report)

    @property
    def curve(self) -> list[tuple[float, float]]:
        """The points of its learning curve, as of `LearningCurve`."""
        return self._learning.points

    @property
    def changes(self) -> int:
        """How many times the curve has changed."""
        return self._learning.changes

    def progress(self, report: Report) -> float | None:
        """How far the trial was at one of its reports, as of `LearningCurve`."""
        return self._learning.progress(report)

    def stop_by_user(self) -> None:
        """Stop the trial at its next report, because the user asks for it; safe in any thread."""
        self.stop_requested = True

    @property
    def epoch(self) -> int:
        """The epoch of its newest report, 0 before the first."""
        return epoch_of(self.last_report, self.time_attr)

    @property
    def diverged(self) -> bool:
        """Whether its newest report says that it diverged, or has a metric that is not finite."""
        return diverged(self.last_report, self.metrics)

    @property
    def was_cut(self) -> bool:
        """Whether the scheduler, the target, the user or another driver has ended it."""
        cut = self.ended_by_target or self.ended_by_user or self.ended_elsewhere
        return self.stopped_at is not None or cut

    @property
    def values(self) -> tuple[float | None, ...]:
        """Its best value of each metric; all None where it diverged or has no value."""
        if self.best is None or self.diverged or self.without_value:
            return (None,) * len(self.metrics)
        return tuple(self.best)

    @property
    def status(self) -> Status:
        """How the trial has ended, or that it has not."""
        if self.failed:
            return "failed"
        if not self.ended:
            return "interrupted"
        if self.diverged:
            return "diverged"
        at_its_end = self.epochs is not None and self.epoch >= self.epochs
        if at_its_end or self.last_report.get(EARLY_STOP_REASON) or self.reached_target:
            return "finished"
        return "stopped" if self.was_cut or self.epochs is not None else "finished"

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own end with a value, as of `TrialResult`."""
        return is_whole(self.status, self.values)

    def result(self) -> TrialResult:
        """The outcome as it is now, for tables and reports."""
        return TrialResult(
            number=self.number,
            trial_id=self.trial_id,
            folder=folder_name(self.number, self.trial_id),
            config=self.config,
            status=self.status,
            epoch=self.epoch,
            values=self.values,
            seconds=float(self.last_report.get(SECONDS) or 0),
            error=self.error.partition("\n")[0],
            reported=tuple(numbers_of_trial(self.last_report)),
            replicate=self.replicate,
        )


def outcome_of(
    trial: TrialHistory,
    metrics: Sequence[Metric],
    time_attr: str = EPOCH,
    curve: bool = False,
    compared_by: int = 0,
    epoch_key: str | None = None,
) -> TrialOutcome:
    """The outcome of a trial of earlier sessions, from the journal and its reports.

    Args:
        trial: the trial.
        metrics: of the search.
        time_attr: as in `TrialOutcome`.
        curve: whether the learning curve of an ended trial is read too.
        compared_by: as in `TrialOutcome`.
        epoch_key: as in `TrialOutcome`.
    """
    outcome = TrialOutcome(
        trial.id, tuple(metrics), time_attr, trial.number, epoch_key, compared_by=compared_by
    )
    outcome.ended, outcome.failed = trial.over, trial.failed
    outcome.replicate = trial.replicate
    outcome.stopped_at = trial.stopped_at
    values: list[float] = []
    if trial.end is not None:
        outcome.error, outcome.ended_by_user = trial.end.error, trial.end.by_hand
        outcome.ended_by_target = trial.end.by_target
        outcome.ended_elsewhere = trial.end.elsewhere
        outcome.without_value = None in trial.end.values and not trial.failed
        values = [value for value in trial.end.values if value is not None]
        if values and len(values) == len(metrics) and not trial.failed and not curve:
            # To read the reports of very many trials would take long.
            outcome.latest = outcome.best = values
            outcome.last_report = trial.last_report or {}
            return outcome
    for report in trial.reports:
        outcome.add(report)
    if values and len(values) == len(metrics) and not trial.failed and outcome.best is None:
        # The journal knows them, and the reports have been lost.
        outcome.latest = outcome.best = values
    return outcome
