"""Whether W&B's server has everything of a run that has ended: the client does not tell."""

from __future__ import annotations

import time

from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.server.api import NoAnswer
from pcsearch.tracking.server.server_runs import ServerRun, ServerRuns

LAG_SECONDS = 10.0
"""How long the server may take to show what it has taken in."""
PAUSE_SECONDS = 0.5


def missing(run: WandbRun, server: ServerRuns) -> str:
    """Why the server does not have everything of a run, one line; empty where it has.

    Args:
        run: an online run that has ended.
        server: which has it.
    """
    refusal = run.refusal()
    if refusal:
        return refusal
    end = time.monotonic() + LAG_SECONDS
    while True:
        try:
            lack = _lack(run, server.read(run.id, run.media))
        except NoAnswer as problem:
            return str(problem)
        if not lack or time.monotonic() >= end:
            return lack
        time.sleep(PAUSE_SECONDS)


def _lack(run: WandbRun, found: ServerRun | None) -> str:
    if found is None:
        return "it does not know the run"
    if found.last_step < run.last_step:
        return "it does not have the last rows"
    if not found.ended:
        return "it does not have the end"
    return "" if found.files >= set(run.media) else "it does not have all pictures"
