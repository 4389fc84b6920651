"""Kills the processes of hung trials, and restores retried trials."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from pcsearch.engine.execution.restore import Damage, restore_for_retry
from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.ray_internals import actor

LONG_STEP_S = 1.0
"""A step of Tune's loop takes a tenth of it, unless it waits for a storage or a node."""


class Watchdog(tune.Callback):
    """Kills the processes of hung trials, and restores retried trials.

    Args:
        timeout: how many seconds a trial may run without a report, None for no limit.
        damage: tells what is wrong with a checkpoint.
    """

    def __init__(self, timeout: float | None, damage: Damage) -> None:
        self._timeout = timeout
        self._damage = damage
        self._heard_at: dict[str, float] = {}
        self._stepped_at = 0.0

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Start the trial's time."""
        self._heard_at[trial.trial_id] = time.monotonic()

    def on_trial_restore(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Start the trial's time anew."""
        self._heard_at[trial.trial_id] = time.monotonic()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Start the trial's time anew."""
        self._heard_at[trial.trial_id] = time.monotonic()

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Restore a trial that is going to be retried."""
        self._heard_at.pop(trial.trial_id, None)
        if isinstance(trial, SearchTrial):
            restore_for_retry(trial, self._damage)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Forget the trial."""
        self._heard_at.pop(trial.trial_id, None)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Forget the trial."""
        self._heard_at.pop(trial.trial_id, None)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Kill the processes of the trials whose time is over; Tune then sees them fail."""
        if self._timeout is None:
            return
        now = time.monotonic()
        # While the loop waited for something, the reports may have waited for the loop.
        step = now - self._stepped_at if self._stepped_at else 0.0
        self._stepped_at = now
        if step > LONG_STEP_S:
            self._heard_at = {name: at + step for name, at in self._heard_at.items()}
        latest = now - self._timeout
        late = {trial_id for trial_id, at in self._heard_at.items() if at < latest}
        for trial in trials if late else ():
            process = actor(trial)
            if trial.trial_id in late and trial.status == Trial.RUNNING and process is not None:
                del self._heard_at[trial.trial_id]
                if isinstance(trial, SearchTrial):
                    trial.hung = f"no report for {self._timeout:g} s (--trial-timeout)"
                ray.kill(process)
