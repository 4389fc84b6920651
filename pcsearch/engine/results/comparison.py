"""Compares searches: how fast each found good values, and what of a difference may be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.groups import Group, grouped
from pcsearch.engine.results.progress import in_order
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import SEED

SHARES = (0.25, 0.5, 1.0)
"""The shares of the epochs, of those that every search has spent, at which they are compared."""
SURE = 0.05
"""A difference is more than the spread if chance gives such a one in fewer cases than this."""
LARGEST = 1e50
"""Larger means and deviations are made smaller for the t-test, which takes fourth powers."""
FEWEST_REPEATS = 2
"""Configurations that have run with fewer seeds count only where no other has more."""


@dataclass(frozen=True)
class Progress:
    """The best value so far at the end of each trial that changed it.

    Args:
        epochs: that all trials together had trained by then, those that ended later left out.
        seconds: since the search began.
        values: the best values of the first metric.
    """

    epochs: tuple[int, ...]
    seconds: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, epochs: float) -> float | None:
        """The best value after so many epochs, None before the first."""
        found = [v for e, v in zip(self.epochs, self.values, strict=True) if e <= epochs]
        return found[-1] if found else None


@dataclass(frozen=True)
class Difference:
    """The difference between the best configurations of two searches, over their seeds.

    Args:
        better: the place of the better search among the compared ones.
        worse: that of the other.
        size: between the means, not negative.
        error: the standard error of the difference.
        chance: how likely chance alone gives as large a one (Welch's t-test, both sides); None
            where a configuration has run fewer than two times.
    """

    better: int
    worse: int
    size: float
    error: float
    chance: float | None

    @property
    def is_sure(self) -> bool:
        """Whether it is larger than the spread over the seeds explains."""
        return self.chance is not None and self.chance < SURE


@dataclass(frozen=True)
class Comparison:
    """Searches of one metric beside each other.

    Args:
        searches: as they were given.
        metric: that they are compared by.
        budgets: numbers of epochs at which the best values are compared.
        progress: of each search.
        best: of each search, the group of seeds with the best mean, if possible one of two seeds or
            more; where seeds are replicates, the runs of its best configuration, those with fresh
            seeds if there are any. None where no trial has a value.
        differences: between every two searches with such a group.
        by: the parameters in which repetitions of a configuration differ.
    """

    searches: tuple[Findings, ...]
    metric: Metric
    budgets: tuple[int, ...]
    progress: tuple[Progress, ...]
    best: tuple[Group | None, ...]
    differences: tuple[Difference, ...]
    by: tuple[str, ...]


def compared(searches: Sequence[Findings], by: Sequence[str]) -> Comparison:
    """Compare searches.

    Args:
        searches: two or more.
        by: the parameters in which repetitions of a configuration differ; in a search that does not
            search one it is left out, and where seeds are replicates it is their parameter.
            ``seed`` means those in a nested mapping too, such as ``training.seed``.

    Raises:
        PcsearchError: they do not have one metric with one goal.
    """
    metric = _common_metric(searches)
    names = {parameter.name for each in searches for parameter in each.searched}
    unknown = [name for name in by if name not in names and name != SEED]
    if unknown:
        hint = suggestion(unknown[0], names)
        raise PcsearchError(Problem(f"no search has {unknown[0]!r} to search{hint}", "--by"))
    progress = tuple(map(progress_of, searches))
    least = min(sum(trial.result.epoch for trial in each.trials) for each in searches)
    budgets = tuple(sorted({round(share * least) for share in SHARES} - {0}))
    repeated = [_repeated(each, by) for each in searches]
    best = tuple(map(_best_group, searches, repeated))
    pairs = combinations(range(len(searches)), 2)
    found = [_difference(best, pair, metric) for pair in pairs]
    differences = tuple(each for each in found if each is not None)
    names_found = _repeated_everywhere(searches, repeated) or tuple(by)
    return Comparison(tuple(searches), metric, budgets, progress, best, differences, names_found)


def progress_of(findings: Findings) -> Progress:
    """How the best value of a search got better, trial by trial in the order of their ends."""
    steps = [each for each in in_order(findings) if each.is_new]
    return Progress(
        tuple(each.epochs for each in steps),
        tuple(each.seconds for each in steps),
        tuple(each.best or 0.0 for each in steps),
    )


def _common_metric(searches: Sequence[Findings]) -> Metric:
    """The first metric of the searches.

    Raises:
        PcsearchError: one has none, or they differ.
    """
    first = searches[0]
    problems = []
    for each in searches:
        if not each.metrics:
            problems.append(Problem("its sweep has no metric", each.place))
        elif first.metrics:
            one, other = first.metrics[0], each.metrics[0]
            if (one.name, one.goal) != (other.name, other.goal):
                message = f"it is to {other.describe()}, and {first.place} to {one.describe()}"
                problems.append(Problem(message, each.place))
    if problems:
        raise PcsearchError(problems)
    return first.metrics[0]


def _repeated(findings: Findings, by: Sequence[str]) -> list[str]:
    """The parameters of a search in which repetitions of its configurations differ."""
    if findings.replicates is not None:
        return [findings.replicates.name]
    return [
        each.name
        for each in findings.searched
        if each.name in by or (SEED in by and each.path[-1] == SEED)
    ]


def _repeated_everywhere(
    searches: Sequence[Findings], repeated: Sequence[Sequence[str]]
) -> tuple[str, ...]:
    """The parameters that repeat configurations in every search that searches them."""
    searched = [{parameter.name for parameter in each.searched} for each in searches]
    found = dict.fromkeys(name for each in repeated for name in each)
    pairs = list(zip(searched, repeated, strict=True))
    return tuple(
        name for name in found if all(name in own or name not in all_ for all_, own in pairs)
    )


def _best_group(findings: Findings, repeated: Sequence[str]) -> Group | None:
    if findings.replicates is not None:
        # The race knows more than the means: who is out of it, and who has fresh seeds.
        first = next(iter(findings.configurations), None)
        best = None if first is None else first.judged_by
        return best if best is not None and best.count else None
    groups = grouped(findings.results, findings.searched, findings.metrics, repeated)
    # One lucky seed must not win against configurations that have run with several.
    groups.sort(key=lambda group: group.count < FEWEST_REPEATS)
    return groups[0] if groups and groups[0].count else None


def _difference(
    best: Sequence[Group | None], pair: tuple[int, int], metric: Metric
) -> Difference | None:
    one, other = (best[place] for place in pair)
    if one is None or other is None:
        return None
    first, second = one.means[0], other.means[0]
    assert first is not None, "a group that counts has a mean"
    assert second is not None, "a group that counts has a mean"
    order = pair if not metric.better(second, first) else pair[::-1]
    parts = [_error(group) for group in (one, other)]
    size, error = abs(first - second), math.hypot(*(part or 0.0 for part in parts))
    chance = None if None in parts or math.isinf(error) else _chance(one, other)
    return Difference(*order, size, error, chance)


def _error(group: Group) -> float | None:
    """The standard error of a group's mean, None of fewer than two values."""
    deviation = group.deviations[0]
    return None if deviation is None else deviation / math.sqrt(group.count)


def _chance(one: Group, other: Group) -> float:
    # It takes a while to import, and most commands do not need it.
    from scipy.stats import ttest_ind_from_stats

    if one.deviations[0] == other.deviations[0] == 0:
        return float(one.means[0] == other.means[0])
    facts = [
        each or 0.0 for group in (one, other) for each in (*group.means[:1], group.deviations[0])
    ]
    # Their fourth powers are numbers then.
    scale = max(1.0, *(abs(each) / LARGEST for each in facts))
    facts = [each / scale for each in facts]
    found = ttest_ind_from_stats(*facts[:2], one.count, *facts[2:], other.count, equal_var=False)
    return float(found.pvalue)
