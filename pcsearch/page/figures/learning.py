"""The figure of the learning curves, with the rungs of ASHA and where trials were stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pcsearch.engine.experiment.plan import Plan
from pcsearch.engine.records.learning_curve import thinned
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.page.figures.columns import drawn, hover, is_wide, rounded, rounding, scale_of
from pcsearch.page.figures.figure import CHANCE, COLOURS, SYMBOLS, Figure, by_status
from pcsearch.page.tables import plain_table

MOST_CURVES = 200
"""The most curves of trials that are ranked, and of others."""
MOST_RUNGS = 30
MARGIN = 0.05
"""The part of an axis that is free at each of its ends."""

Curve = list[tuple[float, float | None]]


def learning_curves(findings: Findings, plan: Plan) -> list[Figure]:
    """The first metric over what rungs count, of each trial; none where nothing was reported."""
    trials = drawn(findings, MOST_CURVES) if findings.metrics else []
    others = _unranked(findings)
    trials += others[:MOST_CURVES]
    pairs = [(trial, findings.learning_curve(trial)) for trial in trials]
    # A trial at its first report has no line, but a point.
    read = [(trial, thinned(curve)) for trial, curve in pairs if curve]
    if not read:
        return []
    name = findings.metrics[0].name
    statuses = by_status([trial for trial, _ in read])
    values = [value for _, curve in read for _, value in curve]
    kept = [value for trial, curve in read if trial.result.valued for _, value in curve]
    shorter = rounding(kept or values)
    short = [(trial, [(at, shorter(value)) for at, value in curve]) for trial, curve in read]
    data = [_lines(status, [short[i] for i in places]) for status, places in statuses.items()]
    data += [
        _ends(status, [short[i] for i in places], plan.counted)
        for status, places in statuses.items()
    ]
    last = max(curve[-1][0] for _, curve in read)
    # Of trials whose length is not known, the rungs go on for ever.
    rungs = [rung for rung in plan.rungs if rung <= last][:MOST_RUNGS]
    rows = [
        (trial.result.number, rounded(curve[-1][0]), trial.status, curve[0][1], curve[-1][1])
        for trial, curve in read
    ]
    figure = Figure(
        "curves",
        "Learning curves",
        _about(findings, plan, rungs, len(others)),
        data,
        {
            "xaxis": {"title": {"text": plan.counted}, "rangemode": "tozero"},
            "yaxis": {
                "title": {"text": name},
                "automargin": True,
                **_scale(kept or values, values),
            },
            "shapes": [_rung(rung) for rung in rungs],
        },
        height=460,
        is_wide=True,
        table=plain_table(("trial", plan.counted, "status", f"first {name}", f"last {name}"), rows),
    )
    return [figure]


def _unranked(findings: Findings) -> list[Finding]:
    """The trials that have reported, and take no part in the ranking: diverged or failed ones."""
    return [each for each in findings.trials if not each.result.valued and each.result.epoch]


def _about(findings: Findings, plan: Plan, rungs: Sequence[int], others: int) -> str:
    name = findings.metrics[0].name
    parts = [
        f"{name} over {plan.counted}, a line for each trial that has reported, also for those that "
        "diverged or failed; a mark at its last finite value. Where these go further than the "
        "others, a double-click shows all of them."
    ]
    valued = sum(each.valued for each in findings.results)
    if valued > MOST_CURVES:
        parts.append(f"{MOST_CURVES} of {valued:,} trials are drawn, the best among them.")
    if others > MOST_CURVES:
        parts.append(f"Of {others:,} without a value the first {MOST_CURVES} are drawn.")
    parts.append("Long curves are drawn with fewer points.")
    if rungs:
        parts.append(
            f"The dotted lines are the rungs of ASHA, counted in {plan.counted}: there, and "
            "at later reports, trials are compared and stopped."
        )
    return " ".join(parts)


def _scale(kept: Sequence[float], values: Sequence[float]) -> dict[str, Any]:
    """The scale of an axis, on which at first some of the values are seen, or all if they fit."""
    is_log = is_wide(kept)
    scale = scale_of(kept)
    low, high = min(kept), max(kept)
    if low <= min(values) and max(values) <= high:
        return scale
    if is_log:
        low, high = math.log10(low), math.log10(high)
    margin = MARGIN * ((high - low) or 1)
    # Plotly finds an end that is None.
    shorter = rounding((low, high))
    return scale | {"range": [shorter(low - margin), shorter(high + margin)]}


def _lines(status: str, trials: Sequence[tuple[Finding, Curve]]) -> dict[str, Any]:
    """All curves of a status as one line with gaps: one for each would be slow to draw."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    numbers: list[int | None] = []
    for trial, curve in trials:
        xs += [*(rounded(epoch) for epoch, _ in curve), None]
        ys += [*(value for _, value in curve), None]
        numbers += [trial.result.number] * len(curve) + [None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": status,
        "legendgroup": status,
        "x": xs,
        "y": ys,
        "customdata": numbers,
        "hoverinfo": "x+y",
        "line": {"color": COLOURS[status], "width": 1.2},
        "opacity": 0.7,
    }


def _ends(status: str, trials: Sequence[tuple[Finding, Curve]], counted: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{status}: end",
        "legendgroup": status,
        "showlegend": False,
        "x": [rounded(curve[-1][0]) for _, curve in trials],
        "y": [curve[-1][1] for _, curve in trials],
        "customdata": [trial.result.number for trial, _ in trials],
        "hovertext": [
            hover(
                trial, {counted: curve[-1][0], "value": curve[-1][1], "why": trial.reason or None}
            )
            for trial, curve in trials
        ],
        "hoverinfo": "text",
        "marker": {"color": COLOURS[status], "symbol": SYMBOLS[status], "size": 7},
    }


def _rung(epoch: int) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": epoch,
        "x1": epoch,
        "y0": 0,
        "y1": 1,
        "line": {"color": CHANCE, "width": 1, "dash": "dot"},
    }
