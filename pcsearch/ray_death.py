"""What a session does when Ray has died: on this machine alone, Ray is started again, once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.engine.storage.files import resume_command
from pcsearch.exits import RAY_DIED

RESTARTED = "PCSEARCH_RESTARTED"
"""The variable that is set where Ray was started again already."""


def end_session(experiment: Experiment, what: str, environment: Mapping[str, str]) -> NoReturn:
    """End the session at once, in whatever state it is, or go on with the search in a new one.

    Nothing else is possible: the process waits for Ray, and Ray will end it. The journal has
    everything, and W&B's runs are completed by the next session.

    Args:
        experiment: the search; its directory is there.
        what: has died, in words.
        environment: of the command's start, for the new session.
    """
    place, options = experiment.directory.place, experiment.options
    local = options.address in (None, "local")
    restarts = local and RESTARTED not in environment
    advice = (
        "Ray is started again, and the search goes on"
        if restarts
        else f"resume the search: {resume_command(place)}"
    )
    sys.stdout.flush()
    sys.stderr.write(f"\n{what} has died; {advice}\n")
    sys.stderr.flush()
    _kill_children()
    if not restarts:
        os._exit(RAY_DIED)
    command = [sys.executable, "-m", "pcsearch", "--resume", place, "--address", "local"]
    if options.deadline is not None:
        command += ["--time-budget", f"{max(1.0, options.deadline - time.monotonic()):.0f}s"]
    os.execve(sys.executable, command, {**environment, RESTARTED: "1"})  # noqa: S606 - our own


def _kill_children() -> None:
    """End Ray's other processes, and W&B's."""
    psutil = ray_psutil()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.send_signal(signal.SIGKILL)
