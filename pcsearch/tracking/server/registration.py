"""The W&B sweep that the runs of a search belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import Sweep
from pcsearch.tracking.server.api import Mode, NoAnswer
from pcsearch.tracking.server.mode import resolve
from pcsearch.tracking.server.sweep import register

SWEEP_ID, SWEEP_URL = "sweep_id", "sweep_url"
"""The sweep in the experiment's record of tracking."""


@dataclass(frozen=True)
class Attachment:
    """Where the runs of a search go, now that W&B was told of it.

    Args:
        tracking: what to keep in the experiment's record, with the sweep where there is one.
        mode: where the runs go.
        sweep: a line that says where the sweep is, empty without one.
        problem: what went wrong, in a line, else empty.
    """

    tracking: dict[str, Any]
    mode: Mode
    sweep: str = ""
    problem: str = ""


def attach(sweep: Sweep, tracking: Mapping[str, Any], mode: Mode, resumed: bool) -> Attachment:
    """Register a search as a W&B sweep, once and where its runs go online.

    A search that began without a sweep stays without: most of its runs would lack it.

    Args:
        sweep: what is searched.
        tracking: W&B's ``project``, ``entity``, the mode that was asked for (``wandb``), and the
            ``sweep_id`` of one that is there already.
        mode: where the runs go.
        resumed: whether the search has run before.

    Raises:
        PcsearchError: it cannot be registered, and ``online`` was asked for.
    """
    kept = dict(tracking)
    if kept.get(SWEEP_ID):
        place = kept.get(SWEEP_URL) or kept[SWEEP_ID]
        return Attachment(kept, mode, "" if mode == "disabled" else f"W&B sweep: {place}")
    if mode != "online" or resumed:
        return Attachment(kept, mode)
    try:
        made = register(sweep, kept["project"], kept["entity"])
    except NoAnswer as problem:
        told = f"W&B did not register the search as a sweep: {problem}"
        if kept["wandb"] == "online":
            raise PcsearchError(f"{told}; --wandb auto goes on without a sweep") from problem
        # A server that has gone away would hold up every run.
        now = resolve("auto").mode if problem.gone else mode
        how = "offline" if now != "online" else "without one"
        return Attachment(kept, now, problem=f"{told}; the search goes on {how}")
    kept |= {SWEEP_ID: made.id, SWEEP_URL: made.url}
    return Attachment(kept, mode, f"W&B sweep: {made.url}")
