"""Ends the programs of trials that are over, and removes what is for another try only."""

from __future__ import annotations

import shutil
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.ray_internals import actor
from pcsearch.engine.storage.files import is_remote
from pcsearch.engine.workloads.programs.kept_folder import LOGGED_FOLDER


class ProgramEnds(tune.Callback):
    """Ends the program of each trial that is over; one that has ended by itself is left alone.

    Tune keeps the actor of a stopped trial for another one, and tells it nothing until then: a
    function waits meanwhile, but a program would train on.
    """

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Ask the trial's actor to end the program; all its reports are in the trial's file."""
        process = actor(trial)
        if process is not None:
            process.end_program.remote()
        assert isinstance(trial, SearchTrial), "the trial source makes no others"
        if not is_remote(trial.folder):
            shutil.rmtree(trial.folder / LOGGED_FOLDER, ignore_errors=True)
