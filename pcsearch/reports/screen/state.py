"""What is known of a running search, for the live screen and for lines about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.cluster.usage import InUse
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import SECONDS, finite, measured
from pcsearch.pc.metrics import EARLY_STOP_REASON
from pcsearch.reports.screen.best import BestSoFar
from pcsearch.reports.screen.estimate import Estimate, Training, estimate
from pcsearch.reports.screen.view import Row, View
from pcsearch.tracking.runs.context import RunsState

LATEST = 8
"""So many trials that have ended are shown at most."""


@dataclass
class Running:
    """A running trial.

    Args:
        outcome: of the trial; the engine adds each report to it.
        config: the values that it was given.
        epoch: how many epochs it has trained.
        values: the newest finite value of each metric.
    """

    outcome: TrialOutcome
    config: Mapping[str, Any]
    epoch: int
    values: list[float | None]

    @property
    def training(self) -> Training:
        """The trial, as far as it says how much is left."""
        seconds = finite(self.outcome.last_report.get(SECONDS))
        alone = None if seconds is None or not self.outcome.epoch else seconds / self.outcome.epoch
        return Training(self.epoch, self.outcome.epochs, alone)

    @property
    def row(self) -> Row:
        """The trial, as the screen shows it."""
        longest = self.outcome.epochs
        epochs = str(self.epoch) if longest is None else f"{self.epoch}/{longest}"
        curve = tuple(self.outcome.curve)
        number = self.outcome.number
        return Row(number, tuple(self.values), epochs, "running", curve, self.config)


@dataclass(frozen=True)
class EndedTrial:
    """A trial that has ended.

    Args:
        outcome: of the trial.
        epoch: how many epochs it has trained.
        how: it has ended, in words.
    """

    outcome: TrialOutcome
    epoch: int
    how: str

    @property
    def row(self) -> Row:
        """The trial, as the screen shows it."""
        result, curve = self.outcome.result(), tuple(self.outcome.curve)
        epochs = str(result.epoch)
        return Row(result.number, result.values, epochs, result.status, curve, result.config)


class SearchState:
    """The trials of a search, as this session has seen them; read in any thread.

    Args:
        experiment: the search.
        outcomes: of its trials.
        wandb: gives the state of W&B's runs.
    """

    def __init__(
        self, experiment: Experiment, outcomes: Outcomes, wandb: Callable[[], RunsState]
    ) -> None:
        self._experiment, self._outcomes, self._wandb = experiment, outcomes, wandb
        self._searched = tuple(experiment.sweep.searched())
        self._running: dict[str, Running] = {}
        self._ended: dict[str, EndedTrial] = {}
        self._trained = 0
        self._best = BestSoFar(experiment, outcomes)
        self._since = time.monotonic()

    def begin_session(self) -> None:
        """Begin to count the time."""
        self._since = time.monotonic()

    def add_earlier(self) -> None:
        """Add the trials that ended in earlier sessions."""
        for outcome in self._outcomes:
            if outcome.ended:
                self.end(outcome)

    def start(self, trial_id: str, config: Mapping[str, Any], epoch: int) -> None:
        """Add a trial that has started, or was restored after an epoch."""
        outcome = self._outcomes.of(trial_id)
        values: list[float | None] = [None] * len(outcome.metrics)
        self._running[trial_id] = Running(outcome, dict(config), epoch, values)

    def report(self, outcome: TrialOutcome) -> None:
        """Take in the newest report of a trial."""
        running = self._running.get(outcome.trial_id)
        if running is None:
            return
        self._trained += max(0, outcome.epoch - running.epoch)
        running.epoch = outcome.epoch
        for index, metric in enumerate(outcome.metrics):
            value = measured(outcome.last_report, metric.name)
            running.values[index] = running.values[index] if value is None else value

    def end(self, outcome: TrialOutcome) -> None:
        """Take in the end of a trial."""
        self._running.pop(outcome.trial_id, None)
        self._ended[outcome.trial_id] = EndedTrial(outcome, outcome.epoch, how_ended(outcome))

    def view(self, usage: tuple[InUse, ...] = (), warnings: tuple[str, ...] = ()) -> View:
        """The search as it is now."""
        # Other threads add trials meanwhile.
        running, ended = [*self._running.values()], [*self._ended.values()]
        # Of a shared search other drivers have the numbers between.
        numbers = [outcome.number for outcome in [*self._outcomes]]
        own, newest = len(numbers), max(numbers, default=0)
        left = max(0, self._experiment.cap - newest)
        # Of what is left, they have as large a part as so far.
        to_begin = own - len(running) - len(ended) + round(left * own / max(1, newest))
        return View(
            self._experiment.metrics,
            self._searched,
            self._experiment.cap,
            dict(Counter(each.how for each in ended).most_common()),
            tuple(each.row for each in running),
            tuple(each.row for each in ended[-LATEST:]),
            self._best.now(),
            self._estimate(running, ended, to_begin if own else left),
            usage,
            self._wandb(),
            warnings,
            max(0, newest - own),
        )

    def _estimate(self, running: list[Running], ended: list[EndedTrial], to_begin: int) -> Estimate:
        return estimate(
            Counter(each.epoch for each in ended),
            [each.training for each in running],
            to_begin,
            self._experiment.max_epochs,
            self._trained,
            time.monotonic() - self._since,
        )


def how_ended(outcome: TrialOutcome) -> str:
    """How a trial has ended, and by whom where it was stopped, in words."""
    if outcome.status == "finished" and outcome.last_report.get(EARLY_STOP_REASON):
        return "ended early"
    if outcome.status != "stopped":
        return outcome.status
    if outcome.ended_by_user:
        return "stopped by hand"
    if outcome.ended_by_target:
        return "stopped at the target"
    if outcome.ended_elsewhere:
        return "run elsewhere"
    return "stopped by ASHA" if outcome.stopped_at is not None else "stopped"
