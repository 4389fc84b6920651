"""Tune's part in the tests of schedulers: it adds trials, hands over reports and stops trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from histories import MadeTrialHistory
from ray.tune.schedulers import TrialScheduler

from pcsearch.engine.records.journal.events import Compared, ReachedTarget, TrialEnded
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.schedulers.target import UntilTarget
from pcsearch.sweeps.metrics import Metric

METRIC = "best_val_mse"
CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


@dataclass
class FakeTrial:
    trial_id: str
    last_result: dict[str, Any] = field(default_factory=dict)
    over: bool = False
    retried: bool = False
    experiment_tag: str = "1"
    error: str = ""

    def should_recover(self) -> bool:
        return self.retried

    def is_finished(self) -> bool:
        return self.over


class Driver:
    """Stands in for Tune's controller.

    Args:
        scheduler: what is driven.
    """

    def __init__(self, scheduler: UntilTarget) -> None:
        self.scheduler: Any = scheduler
        self.outcomes: Outcomes = scheduler._outcomes
        self.events: list[Any] = []
        """What the scheduler has had written down."""
        self.reports: dict[str, list[dict[str, Any]]] = {}
        scheduler._note = self.events.append
        self.trials: dict[str, FakeTrial] = {}
        self.completed: list[str] = []
        self.search_finished = False

    def add(self, name: str, last_result: dict[str, Any] | None = None) -> None:
        """Add a trial; one with a last report is of an earlier session."""
        number = self.outcomes.of(name).number = len(self.trials) + 1
        self.trials[name] = FakeTrial(name, last_result or {}, experiment_tag=str(number))
        self.scheduler.on_trial_add(self, self.trials[name])

    def report(self, name: str, epoch: Any, value: Any = None, **more: Any) -> str:
        """The scheduler's decision on a report; None for one without the metric."""
        if name not in self.trials:
            self.add(name)
        result = {"epoch": epoch, **({} if value is None else {METRIC: value}), **more}
        # The trial itself takes it in, before Tune asks the scheduler.
        self.outcomes.of(name).add(result)
        self.reports.setdefault(name, []).append(result)
        decision = str(self.scheduler.on_trial_result(self, self.trials[name], result))
        self.trials[name].last_result = result
        if decision == STOP:
            self.stop_trial(self.trials[name])
        return decision

    def history(self) -> History:
        """What a later session learns of the search, which ends here."""
        compared = [event for event in self.events if isinstance(event, Compared)]
        reached = [event for event in self.events if isinstance(event, ReachedTarget)]
        stopped = {event.trial: event.stopped_at for event in compared if event.stopped}
        trials: list[TrialHistory] = []
        for number, (name, trial) in enumerate(self.trials.items(), 1):
            of = self.outcomes.of(name)
            ended = (
                TrialEnded(name, of.failed, [], of.ended_by_target, of.error)
                if trial.over
                else None
            )
            trial_history = MadeTrialHistory(name, number, None, Path(), ended, stopped.get(name))
            trial_history.made = [
                {"training_iteration": each["epoch"]} | each for each in self.reports.get(name, [])
            ]
            trials.append(trial_history)
        return History(trials, compared, reached[0] if reached else None)

    def restored(
        self,
        make: Callable[[Outcomes], UntilTarget],
        metrics: tuple[Metric, ...] | None = None,
    ) -> Driver:
        """A later session, with a scheduler of its own, and maybe with other metrics."""
        history, before = self.history(), self.outcomes
        metrics = before.metrics if metrics is None else metrics
        scheduler = make(Outcomes(metrics, before._time_attr, history=history, curves=True))
        later = Driver(scheduler)
        later.events, later.reports = self.events, self.reports
        scheduler._note = later.events.append
        scheduler.resume_from(history)
        for name, trial in self.trials.items():
            later.add(name, trial.last_result)
            later.trials[name].over = trial.over
        return later

    @property
    def stopped(self) -> dict[str, int]:
        """By trial: the epoch at which it was stopped."""
        rungs = {each.trial_id: each.stopped_at for each in self.outcomes}
        return {name: rung for name, rung in rungs.items() if rung is not None}

    @property
    def ended_by_target(self) -> set[str]:
        """The trials that were ended because another reached the target."""
        return {each.trial_id for each in self.outcomes if each.ended_by_target}

    # What the controller offers to a scheduler.

    @property
    def search_alg(self) -> Driver:
        return self

    def set_finished(self) -> None:
        self.search_finished = True

    def get_trials(self) -> list[FakeTrial]:
        return list(self.trials.values())

    def stop_trial(self, trial: FakeTrial) -> None:
        if not trial.over:
            trial.over = True
            self.completed.append(trial.trial_id)
            self.scheduler.on_trial_complete(self, trial, trial.last_result)

    def complete(self, name: str) -> None:
        """A trial comes to its own end."""
        self.stop_trial(self.trials[name])

    def fail(self, name: str, error: str) -> None:
        """A trial is retried once, and then fails for good."""
        trial = self.trials[name]
        for trial.retried, trial.error in ((True, "another"), (False, error)):
            self.scheduler.on_trial_error(self, trial)
        trial.over = True
        self.outcomes.end(name, error)
