"""The figures of what the parameters do: parallel coordinates, importance, slices, Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.importance import Importance
from pcsearch.page.figures.columns import (
    MOST_PARAMETERS,
    Column,
    chosen,
    drawn,
    hover,
    metric_column,
    parameter_column,
    some,
    without,
)
from pcsearch.page.figures.figure import CHANCE, SCALE, STRONG, Figure, colours
from pcsearch.page.tables import plain_table
from pcsearch.sweeps.parameters import Parameter

MOST_SLICES = 10
"""The most parameters that have a slice: each is as large as all of the trials."""
AXIS_WIDTH = 92
"""The least width of an axis of parallel coordinates, in pixels."""
HALF_CHARACTER = 3
"""Half of the width of a character, in pixels: the name of the last axis is centred at the edge."""


def parallel_coordinates(findings: Findings, order: Sequence[str] = ()) -> list[Figure]:
    """Every trial with a value as a line through its parameters; none without a metric.

    Args:
        findings: of the search.
        order: the names of parameters, the most important first.
    """
    lines = _valued(findings)
    if not lines:
        return []
    shown = {each.result.number for each in lines}
    valued = (each for each in findings.ranking if each.result.valued)
    trials = [*lines, *(each for each in valued if each.result.number not in shown)]
    metrics = [metric_column(findings, trials, i) for i in range(len(findings.metrics))]
    parameters = _columns(chosen(findings, order), trials)
    columns = [Column("trial", tuple(each.result.number for each in trials)), *parameters, *metrics]
    name = findings.metrics[0].name
    right = max(60, HALF_CHARACTER * len(columns[-1].name))
    axes = [column.dimension for column in columns]
    undrawn = [axis["values"][len(lines) :] for axis in axes]
    axes = [axis | {"values": axis["values"][: len(lines)]} for axis in axes]
    # On the scale of its axis, which is the legend too.
    line = colours(axes[len(columns) - len(metrics)]["values"], findings.metrics[0].mode)
    trace = {
        "type": "parcoords",
        "dimensions": axes,
        "line": line,
        "labelangle": -20,
        "labelside": "top",
    }
    figure = Figure(
        "parallel",
        "Parallel coordinates",
        f"A line for each trial with a value, coloured by {name}. Drag along an axis to choose a "
        "range: the table of trials shows only the trials whose lines pass; a click on the axis "
        f"takes the range away. Drag a name to move its axis.{some(findings)}"
        f"{' A range chooses among all.' if undrawn[0] else ''}"
        f"{without(findings, MOST_PARAMETERS, 'have an axis')}",
        [trace],
        {"margin": {"t": 90, "b": 30, "l": 60, "r": right}},
        height=460,
        is_wide=True,
        least_width=AXIS_WIDTH * len(columns) + 120,
        undrawn=undrawn if undrawn[0] else [],
    )
    return [figure]


def importance(shares: Sequence[Importance], name: str) -> Figure:
    """How much each parameter matters.

    Args:
        shares: of the parameters, the greatest first.
        name: of the metric.
    """
    ordered = list(reversed(shares))
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [round(100 * each.share, 2) for each in ordered],
        "y": [each.name for each in ordered],
        "text": [f"{each.share:.0%}{'' if each.real else ' (chance)'}" for each in ordered],
        "textposition": "auto",
        "hoverinfo": "y+text",
        "marker": {"color": [STRONG if each.real else CHANCE for each in ordered]},
    }
    rows = [
        (each.name, f"{each.share:.1%}", "yes" if each.real else "no more than chance")
        for each in shares
    ]
    return Figure(
        "importance",
        "Importance of the parameters",
        f"What sets the best trials apart from all by {name} (PED-ANOVA); the shares add up to "
        "100 %. Grey: no more than chance.",
        [trace],
        {
            "xaxis": {"title": {"text": "share in %"}, "rangemode": "tozero"},
            "yaxis": {"type": "category", "automargin": True},
            "showlegend": False,
        },
        height=120 + 32 * len(ordered),
        is_wide=True,
        table=plain_table(("parameter", "share", "matters"), rows),
    )


def slices(findings: Findings, order: Sequence[str]) -> list[Figure]:
    """The metric over each parameter; of very many, over the first ones.

    Args:
        findings: of the search.
        order: the names of parameters that come first, the most important first.
    """
    trials = _valued(findings)
    if not trials:
        return []
    metric = metric_column(findings, trials)
    rank = {name: place for place, name in enumerate(order)}
    parameters = sorted(findings.searched, key=lambda each: rank.get(each.name, len(rank)))
    columns = _columns(parameters, trials)
    more = without(findings, MOST_SLICES, "have slices")
    mode = findings.metrics[0].mode
    numbers: list[float | None] = [each.result.number for each in trials]
    marker = {"size": 7, "opacity": 0.8} | colours(numbers, "max")
    marker["colorscale"] = SCALE
    return [
        Figure(
            f"slice-{place}",
            column.name,
            f"{metric.name} ({'less' if mode == 'min' else 'more'} is better) over "
            f"{column.name}, a point for each trial, coloured by its number: from blue for the "
            f"first to orange for the last.{some(findings)}{more}",
            [_points(trials, column, metric) | {"marker": marker, "name": "trials"}],
            {
                "xaxis": column.axis,
                "yaxis": metric.axis,
                "showlegend": False,
            },
            height=300,
        )
        for place, column in enumerate(columns[:MOST_SLICES], start=1)
    ]


def pareto(findings: Findings) -> list[Figure]:
    """The trials by two metrics each, with those on the Pareto front; none with one metric."""
    trials = _valued(findings)
    if not trials or len(findings.metrics) < 2:
        return []
    groups = {"others": CHANCE, "Pareto front": STRONG}
    front = [trial for trial in trials if trial.result.number in findings.front]
    rest = [trial for trial in trials if trial.result.number not in findings.front]
    names = [metric.name for metric in findings.metrics]
    whole = [each.result for each in findings.ranking if each.result.number in findings.front]
    rows = [(result.number, *result.values) for result in whole]
    table = plain_table(("trial", *names), rows)
    figures = []
    for place, (one, other) in enumerate(combinations(range(len(names)), 2), start=1):
        data = []
        for (name, colour), group in zip(groups.items(), (rest, front), strict=True):
            columns = (metric_column(findings, group, one), metric_column(findings, group, other))
            points = _points(group, *columns)
            data.append(points | {"name": name, "marker": {"color": colour, "size": 8}})
        both = f"{names[one]} and {names[other]}"
        axes = [metric_column(findings, trials, index).axis for index in (one, other)]
        figures.append(
            Figure(
                f"pareto-{place}",
                f"Pareto front: {both}",
                f"The trials by {both}. No other trial beats those of the front in every metric; "
                f"there are {len(whole)}.{some(findings)}",
                data,
                {"xaxis": axes[0], "yaxis": axes[1]},
                height=420,
                table=table,
            )
        )
    return figures


def _points(trials: Sequence[Finding], x: Column, y: Column) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x.values),
        "y": list(y.values),
        "customdata": [trial.result.number for trial in trials],
        "hovertext": [
            hover(trial, {x.name: x_value, y.name: y_value})
            for trial, x_value, y_value in zip(trials, x.values, y.values, strict=True)
        ],
        "hoverinfo": "text",
    }


def _columns(parameters: Iterable[Parameter], trials: Sequence[Finding]) -> list[Column]:
    """The columns of parameters, without those of which no trial has a value."""
    columns = (parameter_column(parameter, trials) for parameter in parameters)
    return [column for column in columns if any(value is not None for value in column.values)]


def _valued(findings: Findings) -> list[Finding]:
    return drawn(findings) if findings.metrics and findings.searched else []
