"""Searches beside each other, on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group as Lines
from rich.text import Text

from pcsearch.engine.results.comparison import Comparison, Difference
from pcsearch.engine.results.effort import effort
from pcsearch.engine.results.groups import Group
from pcsearch.reports.findings import ELSEWHERE
from pcsearch.reports.plan import plain
from pcsearch.reports.results import duration, heads, number
from pcsearch.reports.tables import fitting, fitting_table
from pcsearch.reports.texts import one_line
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.parameters import value_of


def names_of(places: Sequence[str]) -> list[str]:
    """The last parts of the places of searches, as long as it takes to tell them apart."""
    parts = [place.rstrip("/").split("/") for place in places]
    length = 1
    while length < max(map(len, parts)):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
        length += 1
    return ["/".join(each) for each in parts]


def progress_table(comparison: Comparison, width: int) -> Lines:
    """A row for each search: what it has spent, and its best value at each budget.

    Where the table does not fit, numbers stand for the names of the searches.
    """
    (metric,) = heads([comparison.metric], [])
    names = ["search", f"best {metric}", "found at", "trials", "epochs", "time"]
    names += [f"at {budget:,} epochs" for budget in comparison.budgets]
    searches, rows = names_of([each.place for each in comparison.searches]), []
    for findings, progress in zip(comparison.searches, comparison.progress, strict=True):
        spent = effort(findings)
        row = [number(progress.values[-1] if progress.values else None)]
        row.append(f"{progress.epochs[-1]:,}" if progress.epochs else "-")
        row += [str(len(findings.trials)), f"{spent.epochs:,}", duration(spent.wall_seconds)]
        rows.append([*row, *(number(progress.at(budget)) for budget in comparison.budgets)])
    full = [[name, *row] for name, row in zip(searches, rows, strict=True)]
    if not fitting(names, full, width).left_out:
        return fitting_table(names, full, width)
    numbered = [[str(place), *row] for place, row in enumerate(rows, start=1)]
    return Lines(*_legend(searches), fitting_table(names, numbered, width, where=ELSEWHERE))


def best_table(comparison: Comparison, width: int) -> Lines:
    """A row for each parameter in which the best configurations differ.

    Where the table does not fit, numbers stand for the names of the searches.
    """
    searches = names_of([each.place for each in comparison.searches])
    rows = [[name, *map(number, values)] for name, values in _differing(comparison)]
    if not rows:
        rows = [["no difference", *("-" for _ in searches)]]
    first = "best configuration"
    if not fitting([first, *searches], rows, width).left_out:
        return fitting_table([first, *searches], rows, width)
    numbers = [str(place) for place, _ in enumerate(searches, start=1)]
    table = fitting_table([first, *numbers], rows, width, where=ELSEWHERE)
    return Lines(*_legend(searches), table)


def _legend(searches: Sequence[str]) -> list[Text]:
    """A line for each search, with its number."""
    return [Text(f"{place}: {one_line(name)}") for place, name in enumerate(searches, start=1)]


def conclusions(comparison: Comparison) -> Iterator[str]:
    """A line for each pair of searches: which is better, and whether that may be chance."""
    searches = names_of([each.place for each in comparison.searches])
    for name, group in zip(searches, comparison.best, strict=True):
        if group is None:
            yield f"{name}: no trial has a value"
    for each in comparison.differences:
        yield _conclusion(each, searches, comparison)


def _conclusion(difference: Difference, searches: Sequence[str], comparison: Comparison) -> str:
    better, worse = searches[difference.better], searches[difference.worse]
    groups = [comparison.best[place] for place in (difference.better, difference.worse)]
    means = [number(group.means[0]) for group in groups if group is not None]
    line = f"{better} is better than {worse} by {number(difference.size)}"
    line += f" (means {means[0]} and {means[1]})"
    if difference.size == 0:
        line = f"{better} and {worse} are the same ({means[0]})"
    if difference.chance is None:
        places = (difference.better, difference.worse)
        once = [name for name, group in zip(places, groups, strict=True) if _ran_once(group)]
        whose = " and ".join(searches[place] for place in once)
        verb = "has" if len(once) == 1 else "have"
        what = " or ".join(comparison.by)
        return f"{line}; that may be chance: {whose} {verb} one {what} for a configuration"
    counts = " and ".join(str(group.count) for group in groups if group is not None)
    verdict = "more than the spread over" if difference.is_sure else "no more than the spread over"
    return f"{line}: {verdict} {counts} seeds explains (p = {difference.chance:.2g})"


def _ran_once(group: Group | None) -> bool:
    return group is None or group.deviations[0] is None


def _differing(comparison: Comparison) -> Iterator[tuple[str, list[Any]]]:
    """The parameters that differ between the best configurations, with the value in each search."""
    parameters = {
        parameter.name: parameter
        for findings in comparison.searches
        for parameter in findings.sweep.parameters.values()
    }
    configs = [None if each is None else _config(each) for each in comparison.best]
    for name, parameter in parameters.items():
        if name in comparison.by:
            continue
        values = [None if each is None else value_of(each, parameter) for each in configs]
        if len({identity(value) for value in values}) > 1:
            yield name, values


def _config(group: Group) -> Mapping[str, Any]:
    """The configuration of the group's first trial: all parameters, not those searched only."""
    return group.trials[0].config


def document(comparison: Comparison) -> str:
    """Everything as one JSON document; infinities and NaN are text."""
    content = {
        "metric": comparison.metric.spec(),
        "budgets": list(comparison.budgets),
        "searches": [
            {
                "place": findings.place,
                "state": findings.state,
                "notes": list(findings.notes),
                "trials": len(findings.trials),
                "epochs": sum(trial.result.epoch for trial in findings.trials),
                "best_so_far": {
                    "epochs": list(progress.epochs),
                    "seconds": list(progress.seconds),
                    "values": list(progress.values),
                },
                "at_budgets": [progress.at(budget) for budget in comparison.budgets],
                "best": None if group is None else _best(group),
            }
            for findings, progress, group in zip(
                comparison.searches, comparison.progress, comparison.best, strict=True
            )
        ],
        "differences": [
            {
                "better": comparison.searches[each.better].place,
                "worse": comparison.searches[each.worse].place,
                "size": each.size,
                "error": each.error,
                "p": each.chance,
                "sure": each.is_sure,
            }
            for each in comparison.differences
        ],
    }
    return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)


def _best(group: Group) -> Mapping[str, Any]:
    return {
        "config": _config(group),
        "mean": group.means[0],
        "deviation": group.deviations[0],
        "count": group.count,
        "trials": [trial.number for trial in group.trials],
    }
