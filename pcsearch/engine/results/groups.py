"""Groups of trials that differ in some parameters only, such as the seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.messages import suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter, value_of


@dataclass(frozen=True)
class Group:
    """Trials whose configurations differ in some parameters only.

    Args:
        config: the values that they have in common.
        trials: in the order of their numbers.
        means: of each metric, over the trials with a value; None where there is none.
        deviations: the standard deviations (of a sample), None with fewer than two values.
        counted: the trials with a value that the means are over.
    """

    config: Mapping[str, Any]
    trials: tuple[TrialResult, ...]
    means: tuple[float | None, ...]
    deviations: tuple[float | None, ...]
    counted: tuple[TrialResult, ...]

    @property
    def count(self) -> int:
        """Over how many trials the means are."""
        return len(self.counted)

    @property
    def stopped(self) -> int:
        """How many trials were stopped before their own ends."""
        return sum(trial.status == "stopped" for trial in self.trials)


def grouped(
    results: Sequence[TrialResult],
    searched: Sequence[Parameter],
    metrics: Sequence[Metric],
    by: Sequence[str],
) -> list[Group]:
    """The trials in groups whose configurations differ in the parameters of ``by`` only.

    Args:
        results: the trials.
        searched: the parameters that are no constants.
        metrics: of the search.
        by: names of parameters.

    Returns:
        The groups, that of the best mean of the first metric first; those without a value last.

    Raises:
        PcsearchError: a name in ``by`` is no parameter that is searched.
    """
    names = [parameter.name for parameter in searched]
    problems = [
        Problem(f"{name!r} is not searched{suggestion(name, names)}", "--by")
        for name in by
        if name not in names
    ]
    if problems:
        raise PcsearchError(problems)
    kept = [parameter for parameter in searched if parameter.name not in by]
    groups: dict[str, list[TrialResult]] = {}
    for result in results:
        # Its values are lost, or not written yet.
        if not result.config:
            continue
        values = [value_of(result.config, parameter) for parameter in kept]
        groups.setdefault(identity(values), []).append(result)
    made = [group_of(trials, kept, len(metrics)) for trials in groups.values()]
    return sorted(made, key=lambda group: _rank(group, metrics))


def group_of(
    trials: Sequence[TrialResult],
    kept: Sequence[Parameter],
    metrics: int,
    *,
    whole: bool = False,
) -> Group:
    """Trials as one group.

    Args:
        trials: at least one.
        kept: the parameters whose values they have in common.
        metrics: how many metrics the search has.
        whole: whether only the trials count that have come to their own ends.
    """
    trials = sorted(trials, key=lambda trial: trial.number)
    valued = tuple(trial for trial in trials if (trial.is_whole if whole else trial.valued))
    columns = [[v for v in (t.values[i] for t in valued) if v is not None] for i in range(metrics)]
    config = {parameter.name: value_of(trials[0].config, parameter) for parameter in kept}
    return Group(
        config,
        tuple(trials),
        tuple(mean(each) if each else None for each in columns),
        tuple(_deviation(each) if len(each) > 1 else None for each in columns),
        valued,
    )


def mean(values: Sequence[float]) -> float:
    """The mean of one value or more, however large they are."""
    try:
        return statistics.fmean(values)
    except OverflowError:
        # Exact, and slower.
        return statistics.mean(values)


def _deviation(values: Sequence[float]) -> float:
    """The standard deviation of two values or more, infinite where no float is as large."""
    try:
        return statistics.stdev(values)
    except OverflowError:
        return math.inf


def _rank(group: Group, metrics: Sequence[Metric]) -> tuple[float, int]:
    mean = group.means[0] if group.means else None
    sign = metrics[0].sign if metrics else 1
    return math.inf if mean is None else sign * mean, group.trials[0].number
