"""Where the runs of a search go when W&B's server stops answering: offline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pcsearch.tracking.runs import run as wandb_run
from pcsearch.tracking.runs.problems import Problems, describe
from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.server.mode import is_reachable

STALL_SECONDS = 30.0
"""How long W&B may take in nothing before its server is checked."""


class OutageWatch:
    """Decides the mode of the runs that start: offline, once the server has stopped answering.

    Args:
        mode: where the runs of the search go.
        problems: gets a line when the mode changes.
    """

    def __init__(self, mode: Mode, problems: Problems) -> None:
        self.mode: Mode = mode
        self._first_mode = mode
        self._problems = problems

    @property
    def is_cut_off(self) -> bool:
        """Whether the server has stopped answering."""
        return self.mode != self._first_mode

    def start(self, make: Callable[[Mode], WandbRun]) -> WandbRun | None:
        """Start a run; offline where it does not start online, and so are further runs then.

        They would wait for the server as long as this one. A run that fails to start leaves no
        file that could be uploaded later, so the server is checked first.

        Args:
            make: starts the run in a mode.

        Returns:
            None where the run does not start in any way.
        """
        self._check(wandb_run.INIT_SECONDS)
        mode = self.mode
        try:
            return make(mode)
        except Exception as error:
            if mode != "online":
                self._problems.add(describe("a run was not started", error))
                return None
            self._problems.add(describe("a run did not start online", error) + self._go_offline())
        with self._problems.noting("a run was not started"):
            return make("offline")
        return None

    @contextmanager
    def ending(self, run: WandbRun) -> Iterator[None]:
        """Check the server where the block, which ends a run, takes long."""
        timer = threading.Timer(STALL_SECONDS, self._check, [0.0])
        timer.daemon = True
        if run.mode == "online":
            # The system may give no more threads: the run ends all the same.
            with suppress(RuntimeError):
                timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def why_hopeless(self) -> str:
        """Why waiting is useless; empty where runs have gone online and the server answers."""
        if self._first_mode == "online" and is_reachable():
            return ""
        return "the server does not answer"

    def _check(self, seconds: float) -> None:
        """Let further runs be offline where the server does not answer for so long."""
        end = time.monotonic() + seconds
        while self.mode == "online" and not is_reachable():
            if time.monotonic() >= end:
                self._problems.add(f"W&B: the server does not answer{self._go_offline()}")
            time.sleep(min(seconds, 0.2))

    def _go_offline(self) -> str:
        self.mode = "offline"
        return "; from now on runs are offline, and the end says how to upload them"
