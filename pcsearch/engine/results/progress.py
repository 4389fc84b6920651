"""How the best value of a search got better, trial by trial in the order of their ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pcsearch.engine.results.configurations import configurations_of
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.sweeps.replicates import Replicates

MOST_MEANS = 100
"""How often the configurations of a search are compared at most: of very many it takes a while."""


@dataclass(frozen=True)
class ProgressPoint:
    """The state of a search when one of its trials ended, or made its newest report.

    Args:
        trial: that ended.
        epochs: that all trials together had trained by then, those that ended later left out.
        seconds: since the first trial began; 0 where it is not known when this one ran.
        best: the best value so far, None before the first; where seeds are replicates, the mean of
            the best configuration, which may become worse with another seed.
        is_new: whether that is another than before.
    """

    trial: Finding
    epochs: int
    seconds: float
    best: float | None
    is_new: bool


def in_order(findings: Findings) -> list[ProgressPoint]:
    """The trials that have reported, in the order of their newest reports."""
    trials = [trial for trial in findings.trials if trial.result.epoch]
    trials.sort(key=lambda trial: (trial.ran_until, trial.result.number))
    # Of a trial whose newest report has no time it is not known when it ran.
    begin = min((trial.ran_from for trial in trials if trial.end is not None), default=0.0)
    spent = accumulate(trial.result.epoch for trial in trials)
    best = list(_best(findings, trials))
    befores = [None, *best]
    return [
        ProgressPoint(
            trial, epochs, max(0.0, trial.ran_until - begin), value, value not in (None, before)
        )
        for trial, epochs, value, before in zip(trials, spent, best, befores, strict=False)
    ]


def _best(findings: Findings, trials: Sequence[Finding]) -> Iterator[float | None]:
    """The best value at the end of each trial; with replicates, that of configurations."""
    if findings.replicates is not None:
        yield from _best_means(findings, findings.replicates, trials)
        return
    best: float | None = None
    for trial in trials:
        value = trial.result.value if trial.result.valued else None
        if value is not None and findings.metrics[0].better(value, best):
            best = value
        yield best


def _best_means(
    findings: Findings, replicates: Replicates, trials: Sequence[Finding]
) -> Iterator[float | None]:
    best: float | None = None
    step = math.ceil(len(trials) / MOST_MEANS)
    for count in range(1, len(trials) + 1):
        if count % step == 0 or count == len(trials):
            results = [trial.result for trial in trials[:count]]
            found = configurations_of(results, findings.searched, findings.metrics, replicates)
            best = found[0].mean if found else None
        yield best
