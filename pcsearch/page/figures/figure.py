"""A figure of the page: what plotly draws, and the same as text and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pcsearch.engine.results.findings import Finding
from pcsearch.page.html import Html

COLOURS = {
    "finished": "#2f8fd0",
    "stopped": "#d98e04",
    "diverged": "#d1495b",
    "failed": "#b5302a",
    "interrupted": "#9a6fc4",
    "running": "#17976b",
}
"""By status; they can be told apart on a light and on a dark page."""
SYMBOLS = {
    "finished": "circle",
    "stopped": "triangle-down",
    "diverged": "x",
    "failed": "cross",
    "interrupted": "diamond",
    "running": "square",
}
SCALE: list[tuple[float, str]] = [(0.0, "#1f6fc9"), (0.5, "#9c7ab0"), (1.0, "#e8821e")]
"""From the best value of a metric to a bad one."""
STRONG = "#c2379a"
"""The colour of what a plot is about, such as the best value so far."""
CHANCE = "#8a8f98"
"""The colour of what is beside that: chance, other trials, rungs."""
BAD = 0.9
"""The quantile of the values at which the scale of colours ends: the worst would stretch it."""


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Args:
        name: which no other figure has; letters, digits and hyphens.
        title: of the figure.
        about: what it shows, in words, for those who do not see it too.
        data: the traces of plotly. The points of a trial have its number as ``customdata``.
        layout: of plotly.
        height: in pixels.
        least_width: in pixels; on a narrower page the figure scrolls.
        is_wide: whether it has a row of the page for itself.
        table: the same as a table; None where the table of trials has it.
        undrawn: of parallel coordinates, the values of the trials without a line, for each axis.
    """

    name: str
    title: str
    about: str
    data: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    height: int = 340
    least_width: int = 0
    is_wide: bool = False
    table: Html | None = None
    undrawn: list[list[Any]] = field(default_factory=list)


def colours(values: Sequence[float | None], mode: str) -> dict[str, Any]:
    """A marker, or a line, coloured by a metric from its best value to its `BAD` quantile.

    Args:
        values: of the metric.
        mode: ``min`` or ``max``.
    """
    ordered = sorted(value for value in values if value is not None)
    if mode == "max":
        ordered.reverse()
    best, bad = ordered[0], ordered[int(BAD * (len(ordered) - 1))]
    scale = SCALE if mode == "min" else [(1 - at, colour) for at, colour in reversed(SCALE)]
    low, high = min(best, bad), max(best, bad)
    return {"color": list(values), "colorscale": scale, "cmin": low, "cmax": high}


def by_status(trials: Sequence[Finding]) -> dict[str, list[int]]:
    """The places of the trials in a sequence, by their status."""
    places: dict[str, list[int]] = {}
    for place, trial in enumerate(trials):
        places.setdefault(trial.status, []).append(place)
    return dict(sorted(places.items()))
