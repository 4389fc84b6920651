"""The end of a whole search: as soon as a trial reaches the metric's target.

Tune has stoppers for this. They end the other trials without a word to the searcher and the
callbacks, the winning trial before its last checkpoint is kept, and a restored search gets an
old copy in place of the stopper that it is given. So it is the scheduler that does it: it sees
the same reports, and what it stops comes to an orderly end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.utils import flatten_dict

from pcsearch.engine.results import measured
from pcsearch.sweeps.metrics import Metric


@dataclass(frozen=True)
class Reached:
    """Which trial has reached the target, and with which values of the metrics that have one."""

    trial_id: str
    values: list[float | None]


class UntilTarget(FIFOScheduler):
    """Runs every trial to its own end, until one reaches the target: then all end.

    Args:
        metrics: what the trials report. A trial reaches the target with a report that is as good
            as the targets of all that have one; without any, nothing ends the search.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reached: Reached | None = None
        """The trial that has ended the search."""
        self.ended: set[str] = set()
        """The trials that were under way when another reached the target."""
        self.stopped: dict[str, int] = {}
        """By trial: the rung at which it was stopped for being worse than others."""
        # Tune has names of its own for a scheduler's metric, and would check reports for it.
        self._sought = [metric for metric in metrics if metric.target is not None]

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """See whether a trial of an earlier session has reached the target already."""
        self._reaches(trial, flatten_dict(trial.last_result or {}))
        if self.reached is not None:
            tune_controller.search_alg.set_finished()

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Stop all trials at the first report that reaches the target."""
        if self.reached is None and self._reaches(trial, result):
            self._end_others(tune_controller, trial)
        if self.reached is None:
            return str(TrialScheduler.CONTINUE)
        if trial.trial_id != self.reached.trial_id:
            self.ended.add(trial.trial_id)
        return str(TrialScheduler.STOP)

    def get_state(self) -> dict[str, Any]:
        """What a restored search needs."""
        return {
            "reached": self.reached,
            "ended": sorted(self.ended),
            "stopped": dict(self.stopped),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from an earlier session's state; its target may have been another."""
        reached = state["reached"]
        self.reached = reached if reached is not None and self._are_there(reached.values) else None
        self.ended = set(state["ended"])
        self.stopped = dict(state["stopped"])

    def _reaches(self, trial: Trial, report: Mapping[str, Any]) -> bool:
        values = [measured(report, metric.name) for metric in self._sought]
        if not self._are_there(values):
            return False
        self.reached = self.reached or Reached(trial.trial_id, values)
        return True

    def _are_there(self, values: Sequence[float | None]) -> bool:
        if not values or len(values) != len(self._sought):
            return False
        return all(map(_as_good, self._sought, values))

    def _end_others(self, tune_controller: TuneController, winner: Trial) -> None:
        """End the search at once; the winner itself ends when its report has been dealt with."""
        tune_controller.search_alg.set_finished()
        for trial in tune_controller.get_trials():  # type: ignore[no-untyped-call]
            if trial is winner or trial.is_finished():
                continue
            # A trial that was stopped may still be saving.
            if trial.trial_id not in self.stopped:
                self.ended.add(trial.trial_id)
            tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]


def _as_good(metric: Metric, value: float | None) -> bool:
    if value is None or metric.target is None:
        return False
    return value <= metric.target if metric.mode == "min" else value >= metric.target
