"""The actor of a trial: what pcsearch changes in the class that Tune makes for it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from ray.tune import Trainable

from pcsearch.engine.ray_internals import count_on_from
from pcsearch.engine.workloads.programs.process import stop_program
from pcsearch.engine.workloads.reported_values import EARLIER_REPORTS, plain_report

ENDING_VARIABLE = "TUNE_FUNCTION_THREAD_TIMEOUT_S"
"""Tune's variable: for how many seconds a stopped function may go on until the next trial."""
ENDING_S = 60
"""Its value, where the user has set none: Tune's 2 seconds are short for ``wandb.finish()``."""


class TrialActor(Trainable):
    """Comes before Tune's class of a function, and calls it; an actor runs one trial or more."""

    def step(self) -> dict[str, Any]:
        """The trial's next report, made plain."""
        report = super().step()
        earlier = report.pop(EARLIER_REPORTS, None)
        if earlier is not None:
            count_on_from(self, earlier)
        return plain_report(report)

    def reset(self, new_config: dict[str, Any], storage: Any = None) -> bool:
        """Prepare the actor for another trial, also where the one before deleted its folder.

        If the function of the one before does not end in time, the process ends, and the new trial
        is retried in another process; Tune would lose it.
        """
        try:
            Path.cwd()
        except FileNotFoundError:
            # Tune asks for it.
            os.chdir("/")
        stop_program()
        before = self.logdir
        os.environ.setdefault(ENDING_VARIABLE, str(ENDING_S))
        was_reset = bool(super().reset(new_config, storage))  # type: ignore[no-untyped-call]
        if not was_reset:
            seconds = os.environ[ENDING_VARIABLE]
            message = f"the function of a stopped trial did not end within {seconds} s"
            print(f"{message}: its process is ended", file=sys.stderr, flush=True)
            os._exit(1)
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
