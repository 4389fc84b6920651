"""What a driver may claim, and what the states of a sweep at W&B allow."""

from __future__ import annotations

from dataclasses import dataclass

from pcsearch.engine.records.ledger import Access
from pcsearch.errors import PcsearchError, Problem
from pcsearch.tracking.server.sweep import SweepAddress, WandbSweep

ACCESS: dict[str, Access] = {
    "PAUSED": "paused",
    "FINISHED": "closed",
    "STOPPED": "closed",
    "CANCELED": "cancelled",
    "CANCELLED": "cancelled",
}
"""What the state of a sweep at W&B allows; any other allows everything."""
OVER: dict[Access, str] = {
    "closed": "is finished, or was stopped",
    "cancelled": "was cancelled",
}
"""Why no trial of a sweep may start, in words."""
LINES: dict[Access, str] = {
    "open": "W&B: the sweep runs again; new trials start",
    "paused": "W&B: the sweep is paused; no new trial starts until it is resumed",
    "closed": "W&B: the sweep was stopped, or is finished; no new trial starts",
    "cancelled": "W&B: the sweep was cancelled; running trials are interrupted",
}
WAITS = (
    "W&B: no trial is left to start; waiting, 6 min at most, to see whether the other drivers are "
    "alive: the trials of a dead one are free again"
)


@dataclass(frozen=True)
class Terms:
    """What a driver may claim, and what it wants to know.

    Args:
        limit: the highest number of all drivers, None where there is none.
        budget: how many trials this driver may still claim.
        metrics: the names of the metrics whose values of other drivers the searcher learns from,
            empty where it does not learn.
        stops_early: whether trials are stopped early.
        owns_sweep: whether the search has made the sweep, and not joined it.
        has_one_driver: whether no other driver can run the sweep, which was made by this one.
        is_new: whether it has made the sweep just now: nobody else knows of it yet.
    """

    limit: int | None
    budget: int
    metrics: tuple[str, ...] = ()
    stops_early: bool = False
    owns_sweep: bool = False
    has_one_driver: bool = False
    is_new: bool = False


def check_open(sweep: WandbSweep, address: SweepAddress) -> None:
    """Check that trials of a sweep may start.

    Raises:
        PcsearchError: it is finished, or was stopped or cancelled at W&B.
    """
    access = ACCESS.get(sweep.state)
    if access in OVER:
        message = f"{OVER[access]}; wandb sweep --resume {address} lets it run again"
        raise PcsearchError(Problem(f"W&B's sweep {address} {message}", "--sweep-id"))
