"""ASHA, the scheduler of a sweep with ``early_terminate``: it stops bad trials early."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from pcsearch.engine.records.journal.events import Compared
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import Report, measured, reported
from pcsearch.engine.search.predictions.learning_curves import LearningCurves
from pcsearch.engine.search.replicates.entrants import (
    configuration_key,
    is_in_race,
    of_configurations,
)
from pcsearch.engine.search.schedulers.target import Note, UntilTarget, forget
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


def make_scheduler(
    sweep: Sweep,
    outcomes: Outcomes,
    curves: LearningCurves | None,
    note: Note = forget,
    seeds: int | None = None,
) -> UntilTarget:
    """The scheduler of a sweep: ASHA where trials are stopped early, else `UntilTarget`.

    Args:
        sweep: the sweep.
        outcomes: of the search's trials.
        curves: predicts the trials' losses at their ends; None where no trial is stopped early.
        note: writes a decision into the journal.
        seeds: how many seeds each configuration may run with; None where seeds are no replicates.
    """
    hyperband = sweep.early_terminate
    if hyperband is None or curves is None:
        return UntilTarget(outcomes, note, seeds)
    assert sweep.metrics, "a sweep with early_terminate is read with its metric"
    return Asha(hyperband, sweep.metrics[sweep.compared_by], outcomes, curves, note, seeds)


OPTIMISM = 0.5
"""A trial is compared with others by its predicted loss minus this many standard deviations."""
CHANCE = 3.0
"""A trial may still become one of the best while its predicted loss minus this many standard
deviations is not worse than the predicted losses of the best SPARED."""
FEWEST = 4
"""The number of trials that must have reported before any is stopped, unless one has come to the
last rung: until then too little is known of how learning curves go on."""
SPARED = 3
"""Between two rungs so many of the best trials of the lower one are not stopped for being outside
the best 1/eta; and a trial must have a chance to become one of so many of all."""


class Asha(UntilTarget):
    """Asynchronous successive halving (Li et al., 2020), which compares predicted losses.

    The original compares the loss of a trial at a rung with the losses that others had there. Here
    the losses are compared that the trials would have at their ends, as `LearningCurves` predicts
    them: with mean m and standard deviation d. A trial at a rung continues if ``m - d / 2`` is no
    more than the m of the best 1/eta of all trials that came to the rung, and if ``m - 3 d`` is no
    more than the third least m of all: one that can hardly become one of the best is of no use.
    After the rung both are checked at each report, because others may have become better; there the
    best three of the rung always count as among the best 1/eta. So the decision at the rung may be
    generous, and few trials run to their end.

    A trial whose metric is not a finite number at a rung stops. A report without the metric
    compares nothing: the next report with it does.

    Where seeds are replicates, configurations are compared: m is then the mean over the runs of the
    configuration that have come to the rung. Runs with fresh seeds are not compared.

    Args:
        hyperband: the rungs and eta.
        metric: what trials are compared by.
        outcomes: of the search's trials.
        curves: predicts their losses. At the end of the longest trial none is stopped any more.
        note: writes a decision into the journal.
        seeds: as of `make_scheduler`.
    """

    def __init__(
        self,
        hyperband: Hyperband,
        metric: Metric,
        outcomes: Outcomes,
        curves: LearningCurves,
        note: Note = forget,
        seeds: int | None = None,
    ) -> None:
        super().__init__(outcomes, note, seeds)
        self._metric_name = metric.name
        self._sign = metric.sign
        self._eta = hyperband.eta
        self._rungs = hyperband.rungs(curves.epochs)
        self._end = math.inf if curves.epochs is None else curves.epochs
        self._curves = curves
        self._seeds = seeds
        # By the id of a running trial, the last rung where it was compared.
        self._compared_at: dict[str, int] = {}

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Continue or stop a trial after a report."""
        outcome = self._outcomes.of(trial.trial_id)
        if outcome.stopped_at is not None:
            # An earlier session ended between the decision to stop the trial and the stop.
            late = self._outcomes.epoch(result) >= outcome.stopped_at
            return str(TrialScheduler.STOP if late else TrialScheduler.CONTINUE)
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.CONTINUE and not self._continues(trial.trial_id, result):
            return str(TrialScheduler.STOP)
        return decision

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Forget at which rung the trial was; its learning curve stays.

        Tune does not call this for a trial that failed, which may be retried from its checkpoint.
        """
        self._compared_at.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Forget a trial that was paused."""
        self.on_trial_complete(tune_controller, trial, {})

    def resume_from(self, history: History) -> None:
        """Take over at which rungs the trials of earlier sessions were compared."""
        super().resume_from(history)
        for event in history.comparisons:
            self._compared_at[event.trial] = event.rung
        for trial in history.trials:
            if trial.over:
                self._compared_at.pop(trial.id, None)

    def _continues(self, trial_id: str, report: Report) -> bool:
        outcome = self._outcomes.of(trial_id)
        progress = outcome.progress(report)
        if self._seeds is not None and not is_in_race(outcome, self._seeds):
            return True
        if progress is None or progress >= self._end or not self._has_metric(report):
            return True
        below = bisect_right(self._rungs, progress)
        if below == 0:
            return True
        rung = self._rungs[below - 1]
        is_new = rung > self._compared_at.get(trial_id, 0)
        value = measured(report, self._metric_name)
        if value is None and not is_new:
            return True
        stops = value is None or not self._is_promising(trial_id, rung, 1 if is_new else SPARED)
        if is_new or stops:
            self._compared_at[trial_id] = rung
            at = rung if is_new else int(progress)
            loss = None if value is None else self._sign * value
            event = Compared(trial_id, at, loss, stops, self._outcomes.epoch(report))
            self._note(event)
            if stops:
                outcome.stopped_at = event.stopped_at
        return not stops

    def _has_metric(self, report: Report) -> bool:
        return reported(report, self._metric_name) is not None

    def _is_promising(self, trial_id: str, rung: int, spared: int) -> bool:
        """Whether a trial may be among the best 1/eta of those at a rung, and the best of all.

        Args:
            trial_id: the trial's.
            rung: the rung.
            spared: how many of the best are promising in any case.
        """
        predictions, key = self._curves.predictions(), trial_id
        if self._seeds is not None:
            predictions = of_configurations(predictions, self._outcomes, self._seeds, rung)
            key = configuration_key(self._outcomes.of(trial_id))
        own = predictions.get(key)
        means = sorted(each.mean for each in predictions.values() if each.epoch >= rung)
        last = self._rungs[-1]
        is_early = len(predictions) < FEWEST and all(e.epoch < last for e in predictions.values())
        if own is None or is_early or len(means) <= spared:
            return True
        threshold = means[max(spared, int(len(means) / self._eta)) - 1]
        best = sorted(each.mean for each in predictions.values())[:SPARED]
        is_among_them = own.mean - OPTIMISM * own.deviation <= threshold
        return is_among_them and own.mean - CHANCE * own.deviation <= best[-1]
