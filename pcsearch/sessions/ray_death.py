"""What a session does when Ray has died: on this machine alone, Ray is started again, once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from pcsearch.engine.cluster.address import is_local
from pcsearch.engine.cluster.connection import Connection
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.engine.storage.files import resume_command
from pcsearch.system.exits import DONE, INTERRUPTED, RAY_DIED
from pcsearch.system.signals import was_received
from pcsearch.system.temporary import remove_own

RESTARTED = "PCSEARCH_RESTARTED"
"""The variable that is set where Ray was started again already."""
SHOW_CURSOR = "\x1b[?25h"


@dataclass(frozen=True)
class _Way:
    """How the session ends.

    Args:
        advice: what is going to be done, or what the user can do.
        status: the exit status, None where the search is resumed in a new session.
    """

    advice: str
    status: int | None


def end_session(
    experiment: Experiment, what: str, environment: Mapping[str, str], connection: Connection
) -> NoReturn:
    """End the session at once, in whatever state it is, or resume the search in a new one.

    Nothing else is possible: the process waits for Ray, and Ray will end it. The journal has
    everything, and W&B's runs are completed by the next session.

    Args:
        experiment: the search; its directory is there.
        what: has died, in words.
        environment: of the command's start, for the new session.
        connection: to the Ray that has died.
    """
    way, options = _way(experiment, environment), experiment.options
    logs = connection.kept_logs if way.status in (None, RAY_DIED) else ""
    told = f"Ray's own logs lie in {logs}\n" if logs else ""
    # Whatever goes wrong: without the end below, the process would wait for ever.
    with suppress(Exception):
        sys.stdout.flush()
        # The live display has hidden it.
        cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
        sys.stderr.write(f"{cursor}\n{told}{what} has died; {way.advice}\n")
        sys.stderr.flush()
    with suppress(Exception):
        _kill_children()
    with suppress(Exception):
        remove_own()
    if way.status is not None:
        os._exit(way.status)
    command = [sys.executable, "-m", "pcsearch", "--resume", experiment.directory.place]
    command += ["--address", "local"]
    if options.no_report:
        command += ["--no-report"]
    if options.deadline is not None:
        command += ["--time-budget", f"{max(1.0, options.deadline - time.monotonic()):.0f}s"]
    command += [f"--{name}" for name in ("quiet", "verbose") if getattr(options, name)]
    os.execve(sys.executable, command, {**environment, RESTARTED: "1"})  # noqa: S606 - our own


def _way(experiment: Experiment, environment: Mapping[str, str]) -> _Way:
    options = experiment.options
    resume = f"resume the search: {resume_command(experiment.directory.place)}"
    # A batch system sends its signal to Ray's processes too.
    if was_received():
        return _Way(resume, INTERRUPTED)
    if options.deadline is not None and time.monotonic() >= options.deadline:
        return _Way(resume, DONE)
    if is_local(options.address) and RESTARTED not in environment:
        return _Way("Ray is started again, and the search is resumed", None)
    return _Way(resume, RAY_DIED)


def _kill_children() -> None:
    """End Ray's other processes, and W&B's."""
    psutil = ray_psutil()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.send_signal(signal.SIGKILL)
