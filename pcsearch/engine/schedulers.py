"""The scheduler: ASHA where the sweep asks for hyperband."""

from __future__ import annotations

from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from pcsearch.engine.results import is_number
from pcsearch.pc.metrics import EPOCH
from pcsearch.sweeps.sweep import Sweep


def make_scheduler(sweep: Sweep, max_epochs: int) -> FIFOScheduler:
    """The scheduler of a sweep.

    Args:
        sweep: the sweep.
        max_epochs: the epochs of its longest trial.
    """
    if sweep.early_terminate is None or not sweep.early_terminate.rungs(max_epochs):
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    assert sweep.metric is not None, "a sweep with early_terminate is read with its metric"
    return Asha(
        metric=sweep.metric.name,
        mode=sweep.metric.mode,
        min_iter=sweep.early_terminate.min_iter,
        eta=sweep.early_terminate.eta,
        max_epochs=max_epochs,
    )


class Asha(AsyncHyperBandScheduler):
    """Asynchronous successive halving (Li et al., 2020) that counts epochs.

    A trial whose metric is not a finite number at a rung is stopped there: Tune's own scheduler
    lets it pass, since a comparison with NaN is never true.

    Args:
        metric: what trials are compared by.
        mode: "min" or "max".
        min_iter: the first rung, in epochs.
        eta: each rung keeps the best 1/eta; the next rung is eta times as far.
        max_epochs: the epochs of the longest trial; rungs lie below it.
    """

    def __init__(
        self, *, metric: str, mode: str, min_iter: int, eta: float, max_epochs: int
    ) -> None:
        super().__init__(
            time_attr=EPOCH,
            metric=metric,
            mode=mode,
            max_t=max_epochs,
            grace_period=min_iter,
            reduction_factor=eta,
            # A trial ends by itself at its last epoch; the scheduler has no say in it.
            stop_last_trials=False,
        )

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Continue or stop a trial after a report."""
        value = self._value(result)
        if result[EPOCH] >= self._max_t or value is None:
            return str(TrialScheduler.CONTINUE)
        if not is_number(value):
            return str(TrialScheduler.STOP)
        return str(super().on_trial_result(tune_controller, trial, result))

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Forget a trial; its value at its last rung is in already."""
        if result.get(EPOCH, self._max_t) < self._max_t and is_number(self._value(result)):
            super().on_trial_complete(tune_controller, trial, result)
        else:
            self._trial_info.pop(trial.trial_id, None)

    def _value(self, result: dict[str, Any]) -> Any:
        assert self._metric is not None, "the constructor is given it"
        return result.get(self._metric)
