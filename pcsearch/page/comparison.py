"""The page of searches beside each other: their best values so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pcsearch import __version__
from pcsearch.engine.results.comparison import Comparison
from pcsearch.engine.results.progress import in_order
from pcsearch.page.document import document
from pcsearch.page.figures.columns import rounded, rounding, scale_of
from pcsearch.page.figures.figure import Figure
from pcsearch.page.html import joined, tag
from pcsearch.page.sections import Section
from pcsearch.page.tables import plain_table
from pcsearch.reports.comparison import conclusions, names_of

HOUR = 3600.0
COLOURS = ("#2f8fd0", "#d98e04", "#c2379a", "#17976b", "#9a6fc4", "#8a8f98")
"""Of the searches; they can be told apart on a light and on a dark page."""
DASHES = ("solid", "dash", "dot", "dashdot")
"""Of their lines, where there are more searches than colours."""

Line = tuple[list[float], list[float]]
"""The places at which the best value got better, and these values."""


def comparison_page(comparison: Comparison) -> str:
    """A page with the best values so far of searches, as HTML that needs no network."""
    figures = comparison_figures(comparison)
    title = f"The best {comparison.metric.name} so far"
    notes = (note for findings in comparison.searches for note in findings.notes)
    lines = tag("ul", *(tag("li", line) for line in (*conclusions(comparison), *notes)))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    about = f"{len(comparison.searches)} searches by pcsearch {__version__}; drawn on {now}."
    header = tag("header", tag("h1", title), tag("p", about, class_="note"))
    section = Section("progress", "The searches", before=lines, figures=tuple(figures))
    return document(f"{title}: pcsearch", joined((header, tag("main", section.html))), figures)


def comparison_figures(comparison: Comparison) -> list[Figure]:
    """The best values so far, a line for each search, over the epochs and over time."""
    by_epochs: list[Line] = []
    by_time: list[Line] = []
    for findings, progress in zip(comparison.searches, comparison.progress, strict=True):
        every = in_order(findings)
        epochs, seconds = (every[-1].epochs, every[-1].seconds) if every else (0, 0.0)
        hours = [each / HOUR for each in progress.seconds]
        by_epochs.append(_line(progress.epochs, progress.values, epochs))
        by_time.append(_line(hours, progress.values, seconds / HOUR))
    return [
        _figure(comparison, "epochs", "epochs trained", by_epochs),
        _figure(comparison, "time", "hours", by_time),
    ]


def _line(places: Sequence[float], values: Sequence[float], end: float) -> Line:
    """A line that goes on to the last trial of its search."""
    if not values:
        return [], []
    return [*places, max(end, places[-1])], [*values, values[-1]]


def _figure(comparison: Comparison, name: str, title: str, lines: Sequence[Line]) -> Figure:
    metric = comparison.metric.name
    searches = names_of([each.place for each in comparison.searches])
    named = list(zip(searches, lines, strict=True))
    rows = [
        (search, rounded(place), value)
        for search, (places, values) in named
        for place, value in zip(places[:-1], values[:-1], strict=True)
    ]
    values = [value for _, values in lines for value in values]
    shorter = rounding(values)
    return Figure(
        f"best-{name}",
        f"Over {title}",
        f"The best {metric} so far of each search, over {title}.",
        [_trace(place, *each, shorter) for place, each in enumerate(named)],
        {
            "xaxis": {"title": {"text": title}, "rangemode": "tozero"},
            "yaxis": {
                "title": {"text": metric},
                "automargin": True,
                **scale_of(values),
            },
            "showlegend": True,
        },
        height=420,
        table=plain_table(("search", title, f"best {metric}"), rows),
    )


def _trace(
    place: int, search: str, line: Line, shorter: Callable[[float | None], float | None]
) -> dict[str, Any]:
    dash = DASHES[place // len(COLOURS) % len(DASHES)]
    xs, ys = line
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": search,
        "x": [rounded(x) for x in xs],
        "y": list(map(shorter, ys)),
        "line": {"color": COLOURS[place % len(COLOURS)], "dash": dash, "shape": "hv", "width": 2.5},
    }
