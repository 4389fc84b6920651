"""The figures of how the search went: the best value so far, and when trials ran where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.progress import ProgressPoint, in_order
from pcsearch.page.figures.columns import drawn, hover, rounded, rounding, scale_of, some
from pcsearch.page.figures.figure import COLOURS, STRONG, SYMBOLS, Figure, by_status
from pcsearch.page.tables import plain_table
from pcsearch.reports.results import duration, number

UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
MOST_BARS = 3000
"""The most trials on the timeline, the newest."""
SLACK = 0.5
"""Seconds by which a trial may begin before the one whose place it takes: clocks are not exact."""
LANE = 18
"""The height of a trial on the timeline, in pixels."""


def best_so_far(findings: Findings) -> list[Figure]:
    """The best value so far, over trials, epochs and time; none without a metric."""
    if not findings.metrics:
        return []
    ended = in_order(findings)
    if not ended:
        return []
    axes: list[tuple[str, str, Sequence[float]]] = [
        ("trials", "trials that have reported", range(1, len(ended) + 1)),
        ("epochs", "epochs trained", [each.epochs for each in ended]),
    ]
    if all(each.trial.end is not None for each in ended):
        spent = [each.seconds for each in ended]
        unit, seconds = next(pair for pair in UNITS if max(spent) >= 2 * pair[1] or pair[1] == 1)
        axes.append(("time", unit, [each / seconds for each in spent]))
    return [_best_over(findings, ended, *axis) for axis in axes]


def timeline(findings: Findings) -> list[Figure]:
    """When each trial ran, by machine; none before the first report."""
    trials = [trial for trial in findings.trials if trial.end is not None]
    trials = sorted(trials, key=lambda trial: trial.ran_from)[-MOST_BARS:]
    if not trials:
        return []
    lanes = _lanes(trials)
    names = sorted(set(lanes), key=lambda lane: (lane.rpartition(" ")[0], len(lane), lane))
    data = _bars(trials, lanes)
    left = len(findings.trials) - len(trials)
    is_cut = left and len(trials) == MOST_BARS
    more = f" The newest {MOST_BARS:,} trials are drawn." if is_cut else ""
    rows = [
        (
            trial.result.number,
            trial.node,
            _clock(trial.ran_from),
            _clock(trial.ran_until),
            trial.status,
        )
        for trial in trials
    ]
    figure = Figure(
        "timeline",
        "Timeline",
        "When each trial ran, in UTC, with a row for each place on a machine; of a trial that was "
        f"restored, its whole time comes before its last report.{more}",
        data,
        {
            "barmode": "overlay",
            "xaxis": {"type": "date"},
            "yaxis": {
                "type": "category",
                "automargin": True,
                "categoryarray": names,
                "autorange": "reversed",
            },
        },
        height=150 + LANE * len(names),
        is_wide=True,
        table=plain_table(("trial", "machine", "begin", "end", "status"), rows),
    )
    return [figure]


def _bars(trials: Sequence[Finding], lanes: Sequence[str]) -> list[dict[str, Any]]:
    """The trials as bars in their rows, by status."""
    data = []
    for status, places in by_status(trials).items():
        chosen = [trials[place] for place in places]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": status,
                "base": [_stamp(trial.ran_from) for trial in chosen],
                "x": [max(1, round(1000 * trial.result.seconds)) for trial in chosen],
                "y": [lanes[place] for place in places],
                "customdata": [trial.result.number for trial in chosen],
                "hovertext": [
                    hover(trial, {"time": duration(trial.result.seconds), "on": trial.node})
                    for trial in chosen
                ],
                "hoverinfo": "text",
                "marker": {"color": COLOURS[status]},
            }
        )
    return data


def _best_over(
    findings: Findings,
    ended: Sequence[ProgressPoint],
    name: str,
    title: str,
    places: Sequence[float],
) -> Figure:
    metric, trials = findings.metrics[0], [each.trial for each in ended]
    rows = [
        (rounded(place), each.trial.result.number, each.best)
        for each, place in zip(ended, places, strict=True)
        if each.is_new
    ]
    best = rows[-1][2] if rows else None
    of_what = metric.name if findings.replicates is None else f"mean of {metric.name} over seeds"
    # The line goes on to the last trial.
    xs = [row[0] for row in rows] + [rounded(places[-1]) for _ in rows[-1:]]
    values = [trial.result.value for trial in trials if trial.result.valued]
    shorter = rounding(values)
    ys = [shorter(row[2]) for row in rows] + [shorter(row[2]) for row in rows[-1:]]
    data = _points(findings, trials, metric.name, places)
    line = {"color": STRONG, "width": 2.5, "shape": "hv"}
    best_line = {"type": "scatter", "mode": "lines", "name": "best so far", "line": line}
    data.append(best_line | {"x": xs, "y": ys})
    return Figure(
        f"best-{name}",
        f"Over {title}",
        f"The best {of_what} so far, and the value of each trial, over {title}. "
        f"The best is {number(best)}.{some(findings)}",
        data,
        {
            "xaxis": {"title": {"text": title}},
            "yaxis": {
                "title": {"text": metric.name},
                "automargin": True,
                **scale_of(values),
            },
        },
        table=plain_table((title, "after trial", f"best {metric.name}"), rows),
    )


def _points(
    findings: Findings, trials: Sequence[Finding], name: str, places: Sequence[float]
) -> list[dict[str, Any]]:
    """The trials as points, by status; of very many, some."""
    shown = {trial.result.number for trial in drawn(findings)}
    pairs = [
        (trial, place)
        for trial, place in zip(trials, places, strict=True)
        if trial.result.number in shown
    ]
    shorter = rounding(trial.result.value for trial in trials if trial.result.valued)
    data = []
    for status, indices in by_status([trial for trial, _ in pairs]).items():
        chosen = [pairs[i] for i in indices]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": status,
                "x": [rounded(place) for _, place in chosen],
                "y": [shorter(trial.result.value) for trial, _ in chosen],
                "customdata": [trial.result.number for trial, _ in chosen],
                "hovertext": [hover(trial, {name: trial.result.value}) for trial, _ in chosen],
                "hoverinfo": "text",
                "marker": {"color": COLOURS[status], "symbol": SYMBOLS[status], "size": 6},
            }
        )
    return data


def _lanes(trials: Sequence[Finding]) -> list[str]:
    """The row of each trial: the first place on its machine that is free; in order of start."""
    until: dict[str, list[float]] = {}
    lanes = []
    for trial in trials:
        ends = until.setdefault(trial.node, [])
        lane = next((i for i, end in enumerate(ends) if end <= trial.ran_from + SLACK), len(ends))
        ends[lane : lane + 1] = [trial.ran_until]
        lanes.append(f"{trial.node} · {lane + 1}")
    return lanes


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
