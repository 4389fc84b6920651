"""The scheduler: ASHA where the sweep asks for hyperband."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Mapping
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.utils import flatten_dict

from pcsearch.engine.records.history import History
from pcsearch.engine.records.journal import Compared
from pcsearch.engine.records.trial_result import finite, measured
from pcsearch.engine.search.target import Note, UntilTarget, forget
from pcsearch.pc.metrics import EPOCH
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


def make_scheduler(
    sweep: Sweep, max_epochs: int | None, time_attr: str = EPOCH, note: Note = forget
) -> UntilTarget:
    """The scheduler of a sweep.

    Args:
        sweep: the sweep.
        max_epochs: the epochs of its longest trial, None where nobody knows.
        time_attr: what in a report says how far the trial is, in epochs.
        note: writes down what is decided.
    """
    hyperband = sweep.early_terminate
    if hyperband is None or not hyperband.rungs(max_epochs):
        return UntilTarget(sweep.metrics, note)
    assert sweep.metric is not None, "a sweep with early_terminate is read with its metric"
    return Asha(hyperband, sweep.metric, max_epochs, time_attr, note)


class Asha(UntilTarget):
    """Asynchronous successive halving (Li et al., 2020).

    A trial that comes to a rung is compared with those that were there before: it goes on when
    it is among the best 1/eta of them. One whose metric is not a finite number stops; one that
    has no metric in its report is compared as soon as it has.

    It is not Tune's scheduler, whose rungs are geometric only, let a NaN pass, and draw from
    numpy's global generator.

    Args:
        hyperband: the rungs, eta, and which of a trial's values is compared.
        metric: what trials are compared by.
        max_epochs: the epochs of the longest trial, at whose end none is stopped any more; None
            where nobody knows.
        time_attr: what in a report says how far the trial is.
        note: writes down what is decided.
    """

    def __init__(
        self,
        hyperband: Hyperband,
        metric: Metric,
        max_epochs: int | None,
        time_attr: str = EPOCH,
        note: Note = forget,
    ) -> None:
        super().__init__([metric], note)
        self._metric_name = metric.name
        self._sign = 1 if metric.mode == "min" else -1
        self._eta, self._strict = hyperband.eta, hyperband.strict
        self._rungs = hyperband.rungs(max_epochs)
        self._end = math.inf if max_epochs is None else max_epochs
        self._time_attr = time_attr
        self.losses: dict[int, list[float]] = {rung: [] for rung in self._rungs}
        """By rung, the losses that trials had there, in rising order: a loss is a value with the
        sign with which less is better."""
        # By trial under way, the last rung where it was compared, and its least loss so far.
        self._passed: dict[str, int] = {}
        self._least: dict[str, float] = {}

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Continue or stop a trial after a report."""
        if trial.trial_id in self.stopped:
            # The session ended between the decision and its execution.
            epoch = finite(result.get(self._time_attr))
            late = epoch is None or epoch >= self.stopped[trial.trial_id]
            return str(TrialScheduler.STOP if late else TrialScheduler.CONTINUE)
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.CONTINUE and not self._goes_on(trial.trial_id, result):
            return str(TrialScheduler.STOP)
        return decision

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Forget a trial, not its losses at the rungs.

        One that failed is not forgotten: it may be tried again from its checkpoint.
        """
        self._passed.pop(trial.trial_id, None)
        self._least.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Forget a trial that was waiting to go on."""
        self.on_trial_complete(tune_controller, trial, {})

    def recall(self, history: History) -> None:
        """Go on from earlier sessions, as far as the rungs are the same."""
        super().recall(history)
        for event in history.compared:
            self._passed[event.trial] = event.rung
            if event.loss is not None and event.rung in self.losses:
                insort(self.losses[event.rung], event.loss)
        for trial in history.trials:
            if trial.over:
                self._passed.pop(trial.id, None)
                continue
            for report in trial.reports:
                self._look(trial.id, flatten_dict(report))

    def _goes_on(self, trial_id: str, report: dict[str, Any]) -> bool:
        epoch = finite(report.get(self._time_attr))
        if epoch is None or report.get(self._metric_name) is None:
            return True
        loss = self._look(trial_id, report)
        rung = self._rung_to_pass(trial_id, epoch)
        if rung is None:
            return True
        self._passed[trial_id] = rung
        stops = loss is None or (
            (loss if self._strict else self._least[trial_id]) > self._threshold(rung)
        )
        if stops:
            self.stopped[trial_id] = rung
        if loss is not None:
            insort(self.losses[rung], loss)
        self._note(Compared(trial_id, rung, loss, stops))
        return not stops

    def _look(self, trial_id: str, report: Mapping[str, Any]) -> float | None:
        """The loss of a report, None without one; it may be the trial's least."""
        value = measured(report, self._metric_name)
        if value is None:
            return None
        loss = self._sign * value
        self._least[trial_id] = min(loss, self._least.get(trial_id, math.inf))
        return loss

    def _rung_to_pass(self, trial_id: str, epoch: float) -> int | None:
        """The highest rung that a trial has come to, unless it was compared there or beyond."""
        below = bisect_right(self._rungs, epoch)
        if below == 0 or epoch >= self._end:
            return None
        rung = self._rungs[below - 1]
        return rung if rung > self._passed.get(trial_id, 0) else None

    def _threshold(self, rung: int) -> float:
        """The greatest loss with which a trial passes a rung.

        It is the 1/eta quantile of the losses there, between two of them by linear interpolation.
        """
        losses = self.losses[rung]
        if not losses:
            return math.inf
        position = (len(losses) - 1) / self._eta
        below = int(position)
        if position == below:
            return losses[below]
        return losses[below] + (position - below) * (losses[below + 1] - losses[below])
