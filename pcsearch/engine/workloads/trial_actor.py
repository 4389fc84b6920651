"""The actor of a trial: what pcsearch changes in the class that Tune makes for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from pcsearch.engine.workloads.programs.process import stop_program
from pcsearch.engine.workloads.reported_values import plain_report


class TrialActor(Trainable):
    """Comes before Tune's class of a function, and calls it; an actor runs one trial or more."""

    def step(self) -> dict[str, Any]:
        """The trial's next report, made plain."""
        return plain_report(super().step())

    def reset(self, new_config: dict[str, Any], storage: Any = None) -> bool:
        """Prepare the actor for another trial, also where the one before deleted its folder."""
        try:
            Path.cwd()
        except FileNotFoundError:
            # Tune asks for it.
            os.chdir("/")
        stop_program()
        before = self.logdir
        was_reset = bool(super().reset(new_config, storage))  # type: ignore[no-untyped-call]
        # A trial that is retried has the folder that it had.
        if self.logdir != before:
            _remove(before)
        return was_reset

    def end_program(self) -> None:
        """End the program of a trial that was stopped: Tune keeps the actor for the next trial."""
        stop_program()

    def cleanup(self) -> None:
        """End the actor's last trial, and remove its working folder."""
        stop_program()
        try:
            super().cleanup()  # type: ignore[no-untyped-call]
        finally:
            _remove(self.logdir)


def _remove(folder: str) -> None:
    """Remove the working folder of a trial: Tune would leave it on the node for ever."""
    shutil.rmtree(folder, ignore_errors=True)
