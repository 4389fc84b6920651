"""Registers a search as a W&B sweep, which the runs of the search belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import Sweep
from pcsearch.tracking.server.api import Mode, NoAnswer
from pcsearch.tracking.server.mode import resolve
from pcsearch.tracking.server.sweep import SweepAddress, create_sweep, update_sweep

SWEEP_ID, SWEEP_URL = "sweep_id", "sweep_url"
"""The names of the sweep's id and page in the experiment's record."""
JOINED = "joined"
"""In the record: whether W&B had the sweep before, and other drivers may run it too."""

GROUP = "group"
"""In the record: the name of the search at W&B, where the directory's is a safe form of it."""
LONGEST_GROUP = 128
"""W&B refuses a longer name of a group."""


@dataclass(frozen=True)
class Registration:
    """Where the runs of a search go, after W&B was asked to register the search.

    Args:
        tracking: what to keep in the experiment's record, with the sweep where there is one.
        mode: where the runs go.
        message: a line for the user that says where the sweep is, empty without a sweep.
        problem: a line for the user that says what went wrong, else empty.
    """

    tracking: dict[str, Any]
    mode: Mode
    message: str = ""
    problem: str = ""


def register_search(
    sweep: Sweep, tracking: Mapping[str, Any], mode: Mode, resumed: bool, changed: bool = False
) -> Registration:
    """Register a search as a W&B sweep, where its runs go online and it has no sweep yet.

    A search that started without a sweep stays without one: most of its runs would not be in it.

    Args:
        sweep: what is searched.
        tracking: W&B's ``project`` and ``entity``, the mode that the user has chosen (``wandb``),
            and the ``sweep_id`` where the search has a sweep.
        mode: where the runs go.
        resumed: whether earlier sessions have run the search.
        changed: whether the sweep may have another text than when the search was registered.

    Raises:
        PcsearchError: W&B does not register the search, and the user has chosen ``online``.
    """
    record = dict(tracking)
    if record.get(SWEEP_ID):
        page = record.get(SWEEP_URL) or record[SWEEP_ID]
        problem = update_search(sweep, record) if changed and mode == "online" else ""
        message = "" if mode == "disabled" else f"W&B sweep: {page}"
        return Registration(record, mode, message, problem)
    if mode != "online" or resumed:
        return Registration(record, mode)
    try:
        created = create_sweep(sweep, record["project"], record["entity"])
    except NoAnswer as problem:
        message = f"W&B did not register the search as a sweep: {problem}"
        if record["wandb"] == "online":
            advice = "--wandb auto searches without a sweep"
            raise PcsearchError(f"{message}; {advice}") from problem
        # A server that does not answer would hold up every run.
        new_mode = resolve("auto").mode if problem.gone else mode
        how = "offline" if new_mode != "online" else "without a sweep"
        return Registration(record, new_mode, problem=f"{message}; the search continues {how}")
    record |= {SWEEP_ID: created.id, SWEEP_URL: created.url}
    return Registration(record, mode, f"W&B sweep: {created.url}")


def update_search(sweep: Sweep, record: Mapping[str, Any]) -> str:
    """Give the sweep at W&B the text that its search has now.

    Args:
        sweep: with the text.
        record: the W&B settings of the search, with the sweep's id.

    Returns:
        A line where that fails, else nothing.
    """
    address = SweepAddress(record[SWEEP_ID], record["project"], record["entity"])
    try:
        update_sweep(sweep, address)
    except (NoAnswer, PcsearchError) as problem:
        return f"W&B's sweep lacks the change of the search: {problem}; --resume tries again"
    return ""
