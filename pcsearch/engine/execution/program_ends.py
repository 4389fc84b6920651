"""Ends the programs of trials that the search has stopped."""

from __future__ import annotations

from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from pcsearch.engine.ray_internals import actor


class ProgramEnds(tune.Callback):
    """Ends the program of each trial that is over; one that has ended by itself is left alone.

    Tune keeps the actor of a stopped trial for another one, and tells it nothing until then: a
    function waits meanwhile, but a program would train on.
    """

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Ask the trial's actor to end the program."""
        process = actor(trial)
        if process is not None:
            process.end_program.remote()
