"""Reads the result of another driver's trial from its W&B run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pcsearch.engine.records.ledger import OtherResult
from pcsearch.tracking.runs.lifecycle import INTERRUPTED, STATUS
from pcsearch.tracking.server.sweep_runs import SweepRun

WENT_WRONG = ("failed", "diverged")


def is_interrupted(run: SweepRun) -> bool:
    """Whether a run has ended before its trial: the driver of it may resume it."""
    return run.summary.get(STATUS) == INTERRUPTED


def other_result(run: SweepRun, metrics: Sequence[str]) -> OtherResult | None:
    """The result of a trial, None where it has none.

    Args:
        run: of the trial, with its settings and its summary.
        metrics: the names of the metrics of the search.
    """
    if run.summary.get(STATUS) in WENT_WRONG:
        return OtherResult(run.id, run.config, None)
    if is_interrupted(run):
        return None
    values = [run.summary.get(name) for name in metrics]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) < len(metrics) or not all(map(math.isfinite, numbers)):
        return None
    return OtherResult(run.id, run.config, numbers)
