"""The end of a whole search: a trial reaches the target, or the first all fail in the same way.

Tune has stoppers for this. They end the other trials without a word to the searcher and the
callbacks, the winning trial before its last checkpoint is kept, and a restored search gets an
old copy in place of the stopper that it is given. So it is the scheduler that does it: it sees
the same reports, and what it stops comes to an orderly end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.utils import flatten_dict

from pcsearch.engine.records.history import History
from pcsearch.engine.records.journal import Compared, ReachedTarget
from pcsearch.engine.records.trial_result import measured
from pcsearch.sweeps.metrics import Metric

HOPELESS = 5
"""When so many trials, the first of a search, have all failed in the same way, it is given up."""
Note = Callable[[Compared | ReachedTarget], None]


def forget(event: Compared | ReachedTarget) -> None:
    """For a search that nobody will go on with."""


class UntilTarget(FIFOScheduler):
    """Runs every trial to its own end, until one reaches the target: then all end.

    Args:
        metrics: what the trials report. A trial reaches the target with a report that is as good
            as the targets of all that have one; without any, none does.
        note: writes down what is decided.
    """

    def __init__(self, metrics: Sequence[Metric], note: Note = forget) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._note = note
        # By number, of the trials that have failed.
        self._errors: dict[int, str] = {}
        self.give_up: Callable[[], None] = lambda: None
        """Called when the first trials have all failed in the same way."""
        self.reached: ReachedTarget | None = None
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

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """The first that waits; Tune's own goes through all that have ended, at every step."""
        live: set[Trial] = tune_controller.get_live_trials()  # type: ignore[no-untyped-call]
        for status in (Trial.PENDING, Trial.PAUSED):
            waiting = [trial for trial in live if trial.status == status]
            if waiting:
                return min(waiting, key=lambda trial: int(trial.experiment_tag))
        return None

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Stop all trials at the first report that reaches the target."""
        if self.reached is None and self._reaches(trial, result):
            self._end_others(tune_controller, trial)
        if self.reached is None:
            return str(TrialScheduler.CONTINUE)
        if trial.trial_id != self.reached.trial:
            self.ended.add(trial.trial_id)
        return str(TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Give the search up when its first trials have all failed in the same way."""
        if trial.should_recover():  # type: ignore[no-untyped-call]
            return
        number = int(trial.experiment_tag)
        self._errors[number] = _without_numbers(getattr(trial, "error", ""))
        first = [self._errors.get(each) for each in range(1, HOPELESS + 1)]
        if number <= HOPELESS and None not in first and len(set(first)) == 1:
            self.give_up()

    def recall(self, history: History) -> None:
        """Go on from earlier sessions; the target may have been another."""
        reached = history.reached
        if reached is not None and self._are_there(reached.values):
            self.reached = reached
        self.ended = {t.id for t in history.trials if t.ended is not None and t.ended.by_target}
        self.stopped = {t.id: t.stopped_at for t in history.trials if t.stopped_at is not None}
        self._errors = {
            t.number: _without_numbers(t.ended.error) for t in history.failed if t.ended is not None
        }

    def _reaches(self, trial: Trial, report: Mapping[str, Any]) -> bool:
        values = [measured(report, metric.name) for metric in self._sought]
        if not self._are_there(values):
            return False
        if self.reached is None:
            epoch = int(report.get(TRAINING_ITERATION) or 0)
            self.reached = ReachedTarget(trial.trial_id, values, epoch)
            self._note(self.reached)
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


def _without_numbers(error: str) -> str:
    """An error as one is like another: addresses, sizes and process ids differ."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", error)


def _as_good(metric: Metric, value: float | None) -> bool:
    if value is None or metric.target is None:
        return False
    return value <= metric.target if metric.mode == "min" else value >= metric.target
