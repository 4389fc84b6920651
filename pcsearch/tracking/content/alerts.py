"""What W&B tells the user at the end of a search, in an alert of the run that ended last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.sweeps.metrics import Metric

Level = Literal["INFO", "WARN", "ERROR"]

LONGEST_TITLE = 63
"""W&B refuses longer ones."""


class Alert(NamedTuple):
    """What W&B tells the user."""

    title: str
    text: str
    level: Level


def ended(
    group: str,
    trials: int,
    failures: int,
    best: TrialResult | None,
    metrics: Sequence[Metric],
    reached: bool,
) -> Alert:
    """A search has come to its end.

    Args:
        group: the experiment's name.
        trials: how many have ended.
        failures: how many of them failed.
        best: the best one, None where none has a value.
        metrics: what they are compared by.
        reached: whether the target has ended the search.
    """
    counted = f"{trials} trial{'s' if trials != 1 else ''}"
    if failures == trials:
        return _alert("The search failed", group, f"All of {counted} failed.", "ERROR")
    parts = [f"{counted}, {failures} of them failed" if failures else counted]
    if best is not None and best.value is not None:
        parts.append(f"the best is trial {best.number}: {metrics[0].name} {best.value:.6g}")
    title = "The search has reached its target" if reached else "The search is complete"
    return _alert(title, group, "; ".join(parts) + ".", "WARN" if failures else "INFO")


def broken_off(group: str, error: BaseException) -> Alert:
    """An error has ended a search before its time."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _alert("The search failed", group, f"{type(error).__name__}: {line}", "ERROR")


def _alert(title: str, group: str, text: str, level: Level) -> Alert:
    return Alert(f"{title}: {group}"[:LONGEST_TITLE], f"{group}: {text}", level)
