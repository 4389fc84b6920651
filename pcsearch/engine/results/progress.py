"""How the best value of a search got better, trial by trial in the order of their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pcsearch.engine.results.findings import Finding, Findings


@dataclass(frozen=True)
class Ended:
    """The state of a search when one of its trials ended, or made its newest report.

    Args:
        trial: that ended.
        epochs: that all trials together had trained by then, those that ended later left out.
        seconds: since the first trial began.
        is_better: whether the trial's value is better than those of all trials before.
    """

    trial: Finding
    epochs: int
    seconds: float
    is_better: bool


def in_order(findings: Findings) -> list[Ended]:
    """The trials that have reported, in the order of their newest reports."""
    trials = [trial for trial in findings.trials if trial.result.epoch]
    trials.sort(key=lambda trial: (trial.ran_until, trial.result.number))
    begin = min((trial.ran_from for trial in trials), default=0.0)
    spent = accumulate(trial.result.epoch for trial in trials)
    better = _better(findings, trials)
    return [
        Ended(trial, epochs, trial.ran_until - begin, is_better)
        for trial, epochs, is_better in zip(trials, spent, better, strict=True)
    ]


def _better(findings: Findings, trials: Sequence[Finding]) -> list[bool]:
    best: float | None = None
    found = []
    for trial in trials:
        value = trial.result.value if trial.result.valued else None
        is_better = value is not None and findings.metrics[0].better(value, best)
        best = value if is_better else best
        found.append(is_better)
    return found
