"""What is done for trials while they run: they are retried, and not waited for without end."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from pcsearch.engine.execution.restore import Damage, recover
from pcsearch.engine.execution.trial import SearchTrial

LONG_STEP_S = 1.0
"""Tune's loop takes a tenth of it, unless it waits for a storage or a node."""


class Watch(tune.Callback):
    """Ends the processes of trials that hang, and sees to it that retried ones can go on.

    Args:
        timeout: how many seconds a trial may run without a report, None for no limit.
        damage: tells which checkpoints cannot be used.
    """

    def __init__(self, timeout: float | None, damage: Damage) -> None:
        self._timeout = timeout
        self._damage = damage
        self._heard: dict[str, float] = {}
        self._stepped = 0.0

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Its time begins."""
        self._heard[trial.trial_id] = time.monotonic()

    def on_trial_restore(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Its time begins anew."""
        self._heard[trial.trial_id] = time.monotonic()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Its time begins anew."""
        self._heard[trial.trial_id] = time.monotonic()

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """It will be started again, later."""
        self._heard.pop(trial.trial_id, None)
        if isinstance(trial, SearchTrial):
            recover(trial, self._damage)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Nothing is awaited of it."""
        self._heard.pop(trial.trial_id, None)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Nothing is awaited of it."""
        self._heard.pop(trial.trial_id, None)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """End the processes of those whose time is up; Tune then takes them for failed."""
        if self._timeout is None:
            return
        now = time.monotonic()
        # While the loop waited for something, reports may have waited for the loop.
        waited = now - self._stepped if self._stepped else 0.0
        self._stepped = now
        if waited > LONG_STEP_S:
            self._heard = {name: heard + waited for name, heard in self._heard.items()}
        latest = now - self._timeout
        late = {trial_id for trial_id, heard in self._heard.items() if heard < latest}
        for trial in trials if late else ():
            actor = trial.temporary_state.ray_actor
            if trial.trial_id in late and trial.status == Trial.RUNNING and actor is not None:
                del self._heard[trial.trial_id]
                if isinstance(trial, SearchTrial):
                    trial.hung = f"no report for {self._timeout:g} s (--trial-timeout)"
                ray.kill(actor)
