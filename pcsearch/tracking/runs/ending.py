"""Watches the W&B runs that are being finished: does their upload still move?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.wandb_internals import Uploading

ASKING_SECONDS = 2.0
"""How long W&B's client is asked what it does, for one run after the other."""


class EndingRuns:
    """The runs of a search that are ending, in threads of their own."""

    def __init__(self) -> None:
        self._runs: set[WandbRun] = set()
        # By the ids of the runs, what was uploaded when it was asked last.
        self._uploads: dict[str, tuple[Any, ...]] = {}
        self._progress_seen = 0

    @contextmanager
    def of(self, run: WandbRun) -> Iterator[None]:
        """Count a run, which the block ends, as one of them."""
        self._runs.add(run)
        try:
            yield
        finally:
            self._runs.discard(run)

    def progress(self) -> int:
        """How often the server was seen to take in something of them."""
        for run_id, found in self._uploading():
            before = self._uploads.get(run_id)
            # There may be no answer, or no time to ask for it: neither says anything.
            if found.progress:
                self._progress_seen += before is not None and before != found.progress
                self._uploads[run_id] = found.progress
        return self._progress_seen

    def why_stuck(self, seconds: float, mode: Mode) -> str:
        """What to tell of them where there was no progress.

        Args:
            seconds: for how long there was none.
            mode: of the runs that start now.
        """
        error = next((found.error for _, found in self._uploading() if found.error), "")
        # Of the runs themselves: others may have gone offline meanwhile.
        modes = {run.mode for run in tuple(self._runs)} or {mode}
        stuck = "server took in" if "online" in modes else "client wrote"
        return f"the {stuck} nothing for {seconds:.0f} s{error and f' ({error})'}"

    def _uploading(self) -> Iterator[tuple[str, Uploading]]:
        """What W&B's client does with them, with as many as there is time for."""
        end = time.monotonic() + ASKING_SECONDS
        for run in tuple(self._runs):
            if time.monotonic() >= end:
                return
            yield run.id, run.uploading()
