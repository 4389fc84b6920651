"""ASHA, the scheduler of a sweep with ``early_terminate``: it stops bad trials at the rungs."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from pcsearch.engine.records.history import History
from pcsearch.engine.records.journal import Compared
from pcsearch.engine.records.outcome import Outcomes, TrialOutcome
from pcsearch.engine.records.report import Report, finite, measured
from pcsearch.engine.search.target import Note, UntilTarget, forget
from pcsearch.pc.metrics import EPOCH
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


def make_scheduler(
    sweep: Sweep,
    max_epochs: int | None,
    outcomes: Outcomes,
    time_attr: str = EPOCH,
    note: Note = forget,
) -> UntilTarget:
    """The scheduler of a sweep: ASHA where it has ``early_terminate``, else `UntilTarget`.

    Args:
        sweep: the sweep.
        max_epochs: the epochs of its longest trial, None where they are not known.
        outcomes: of the search's trials.
        time_attr: the name in a report that says how far the trial is, in epochs.
        note: writes a decision into the journal.
    """
    hyperband = sweep.early_terminate
    if hyperband is None or not hyperband.rungs(max_epochs):
        return UntilTarget(outcomes, note)
    assert sweep.metric is not None, "a sweep with early_terminate is read with its metric"
    return Asha(hyperband, sweep.metric, max_epochs, outcomes, time_attr, note)


class Asha(UntilTarget):
    """Asynchronous successive halving (Li et al., 2020).

    A trial that reaches a rung is compared with those that reached it before: it continues if it
    is among the best 1/eta of them. A trial whose metric is not a finite number stops. A report
    without the metric compares nothing: the next report with it does.

    Tune's own ASHA is not used: its rungs are geometric only, it lets a NaN pass, and it draws
    from numpy's global generator.

    Args:
        hyperband: the rungs, eta, and which of a trial's values is compared.
        metric: what trials are compared by.
        max_epochs: the epochs of the longest trial, at whose end no trial is stopped any more;
            None where they are not known.
        outcomes: of the search's trials.
        time_attr: the name in a report that says how far the trial is, in epochs.
        note: writes a decision into the journal.
    """

    def __init__(
        self,
        hyperband: Hyperband,
        metric: Metric,
        max_epochs: int | None,
        outcomes: Outcomes,
        time_attr: str = EPOCH,
        note: Note = forget,
    ) -> None:
        super().__init__(outcomes, note)
        self._metric_name = metric.name
        self._sign = 1 if metric.mode == "min" else -1
        self._eta, self._strict = hyperband.eta, hyperband.strict
        self._rungs = hyperband.rungs(max_epochs)
        self._end = math.inf if max_epochs is None else max_epochs
        self._time_attr = time_attr
        self.losses: dict[int, list[float]] = {rung: [] for rung in self._rungs}
        """By rung, the losses that trials had there, in rising order. A loss is the metric's value,
        negated where more is better."""
        # By the id of a running trial, the last rung where it was compared.
        self._compared_at: dict[str, int] = {}

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Continue or stop a trial after a report."""
        stopped_at = self._outcomes.of(trial.trial_id).stopped_at
        if stopped_at is not None:
            # An earlier session ended between the decision to stop the trial and the stop.
            epoch = finite(result.get(self._time_attr))
            late = epoch is None or epoch >= stopped_at
            return str(TrialScheduler.STOP if late else TrialScheduler.CONTINUE)
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.CONTINUE and not self._continues(trial.trial_id, result):
            return str(TrialScheduler.STOP)
        return decision

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Forget at which rung the trial was; its losses at the rungs stay.

        Tune does not call this for a trial that failed, which may be retried from its checkpoint.
        """
        self._compared_at.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Forget a trial that was paused."""
        self.on_trial_complete(tune_controller, trial, {})

    def resume_from(self, history: History) -> None:
        """Take over the losses of earlier sessions at the rungs that are still rungs."""
        super().resume_from(history)
        for event in history.comparisons:
            self._compared_at[event.trial] = event.rung
            if event.loss is not None and event.rung in self.losses:
                insort(self.losses[event.rung], event.loss)
        for trial in history.trials:
            if trial.over:
                self._compared_at.pop(trial.id, None)

    def _continues(self, trial_id: str, report: Report) -> bool:
        epoch = finite(report.get(self._time_attr))
        if epoch is None or report.get(self._metric_name) is None:
            return True
        rung = self._rung_to_pass(trial_id, epoch)
        if rung is None:
            return True
        self._compared_at[trial_id] = rung
        outcome = self._outcomes.of(trial_id)
        value = measured(report, self._metric_name)
        loss = None if value is None else self._sign * value
        stops = loss is None or self._compared_loss(outcome, loss) > self._threshold(rung)
        if stops:
            outcome.stopped_at = rung
        if loss is not None:
            insort(self.losses[rung], loss)
        self._note(Compared(trial_id, rung, loss, stops))
        return not stops

    def _compared_loss(self, outcome: TrialOutcome, loss: float) -> float:
        """The loss to compare a trial by: its newest where ``strict``, else its least so far."""
        if self._strict or outcome.best is None:
            return loss
        return min(loss, self._sign * outcome.best[0])

    def _rung_to_pass(self, trial_id: str, epoch: float) -> int | None:
        """The highest rung that a trial has reached, unless it was compared there or later."""
        below = bisect_right(self._rungs, epoch)
        if below == 0 or epoch >= self._end:
            return None
        rung = self._rungs[below - 1]
        return rung if rung > self._compared_at.get(trial_id, 0) else None

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
