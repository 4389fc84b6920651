"""Tune's part in the tests of schedulers: it adds trials, hands over reports and stops trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ray.tune.schedulers import TrialScheduler

from pcsearch.engine.stoppers import UntilTarget

METRIC = "best_val_mse"
CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


@dataclass
class FakeTrial:
    trial_id: str
    last_result: dict[str, Any] = field(default_factory=dict)
    over: bool = False

    def is_finished(self) -> bool:
        return self.over


class Driver:
    """Stands in for Tune's controller.

    Args:
        scheduler: what is driven.
    """

    def __init__(self, scheduler: UntilTarget) -> None:
        self.scheduler: Any = scheduler
        self.trials: dict[str, FakeTrial] = {}
        self.completed: list[str] = []
        self.search_finished = False

    def add(self, name: str, last_result: dict[str, Any] | None = None) -> None:
        """Add a trial; one with a last report is of an earlier session."""
        self.trials[name] = FakeTrial(name, last_result or {})
        self.scheduler.on_trial_add(self, self.trials[name])

    def report(self, name: str, epoch: Any, value: Any = None, **more: Any) -> str:
        """The scheduler's decision on a report; None for one without the metric."""
        if name not in self.trials:
            self.add(name)
        result = {"epoch": epoch, **({} if value is None else {METRIC: value}), **more}
        decision = str(self.scheduler.on_trial_result(self, self.trials[name], result))
        self.trials[name].last_result = result
        if decision == STOP:
            self.stop_trial(self.trials[name])
        return decision

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
