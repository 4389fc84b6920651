"""What a search has cost: epochs, time, and what early termination has saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pcsearch.engine.results.findings import Finding, Findings


@dataclass(frozen=True)
class Effort:
    """What a search has cost so far.

    Args:
        epochs: that its trials have trained.
        saved: epochs of the ended trials that early termination left out; None where it is not
            known how many they would have trained.
        trial_seconds: the time of all trials together.
        wall_seconds: the time in which at least one trial ran.
        nodes: the names of the machines.
    """

    epochs: int
    saved: int | None
    trial_seconds: float
    wall_seconds: float
    nodes: tuple[str, ...]

    @property
    def saved_share(self) -> float | None:
        """What was saved of all epochs, from 0 to 1; None where that is not known."""
        if self.saved is None or not self.epochs + self.saved:
            return None
        return self.saved / (self.epochs + self.saved)


def effort(findings: Findings) -> Effort:
    """What a search has cost so far."""
    trials = findings.trials
    return Effort(
        sum(each.result.epoch for each in trials),
        _saved(findings),
        sum(each.result.seconds for each in trials),
        _covered(_intervals(trials)),
        tuple(sorted({each.node for each in trials if each.node})),
    )


def _saved(findings: Findings) -> int | None:
    if findings.sweep.early_terminate is None:
        return None
    stopped = [each for each in findings.trials if each.result.status == "stopped"]
    lengths = [each.epochs for each in findings.trials]
    if None in lengths:
        return None
    return sum(max(0, (each.epochs or 0) - each.result.epoch) for each in stopped)


def _intervals(trials: Sequence[Finding]) -> list[tuple[float, float]]:
    """When each trial ran; of one that was restored, only how long is known."""
    return [(each.ran_from, each.ran_until) for each in trials if each.end is not None]


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """How much time lies in at least one of the intervals."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
