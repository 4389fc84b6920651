"""Reads from the W&B runs of other drivers what has become of their trials."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pcsearch.engine.records.ledger import OtherResult
from pcsearch.tracking.ledger.entries import Entries
from pcsearch.tracking.ledger.terms import Terms
from pcsearch.tracking.runs.lifecycle import (
    INTERRUPTED,
    STATUS,
    STOPPED,
    STOPPED_BY_TARGET,
    STOPPED_BY_USER,
)
from pcsearch.tracking.server.sweep_runs import SweepRun, SweepRuns

WENT_WRONG = ("failed", "diverged")
CUT = (STOPPED, STOPPED_BY_USER, STOPPED_BY_TARGET)


def is_interrupted(run: SweepRun) -> bool:
    """Whether a run has ended before its trial: the driver of it may resume it."""
    return run.summary.get(STATUS) == INTERRUPTED


def other_result(
    run: SweepRun, metrics: Sequence[str], stops_early: bool = False
) -> OtherResult | None:
    """The result of a trial, None where it has none.

    Args:
        run: of the trial, with its settings and its summary.
        metrics: the names of the metrics of the search.
        stops_early: whether the sweep stops trials early. The best value of a trial that was cut
            short says little then: the searcher takes a value for that of a whole trial.
    """
    if run.summary.get(STATUS) in WENT_WRONG:
        return OtherResult(run.id, run.config, None)
    if is_interrupted(run) or (stops_early and run.summary.get(STATUS) in CUT):
        return None
    values = [run.summary.get(name) for name in metrics]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) < len(metrics) or not all(map(math.isfinite, numbers)):
        return None
    return OtherResult(run.id, run.config, numbers)


def is_whole(runs: SweepRuns, entries: Entries, terms: Terms, ended: Sequence[str]) -> bool:
    """Whether all trials of a sweep have ended.

    Where their number is not limited, the sweep ends with the driver that has made it, unless
    others run it too: how many trials those want is not known.

    Args:
        runs: the sweep's.
        entries: what is known of them; it gets what is learned here.
        terms: what this driver may claim.
        ended: the ids of this driver's trials that have ended.

    Raises:
        NoAnswer: the server does not answer.
    """
    entries.update(runs.newest())
    if terms.limit is None:
        return terms.has_one_driver or (terms.owns_sweep and not entries.has_others)
    # A trial of this driver that another one runs again is not its own any more.
    unclear = {run.id for run in entries.others(ended=False)}
    others = [run.id for run in entries.others(ended=True)]
    unclear |= {run.id for run in runs.of_ids(others, with_results=True) if is_interrupted(run)}
    return entries.all_have(terms.limit, {*ended, *others} - unclear)
