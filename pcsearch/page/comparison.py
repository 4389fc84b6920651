"""Searches on one plot: the best value so far against the epochs spent and against time."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.colors import qualitative
from plotly.subplots import make_subplots

from pcsearch.engine.results.comparison import Comparison
from pcsearch.engine.results.progress import in_order
from pcsearch.page.columns import is_wide

HOUR = 3600.0
COLOURS = qualitative.Safe
"""Can be told apart by most of those who see fewer colours."""


def comparison_page(comparison: Comparison, names: Sequence[str]) -> str:
    """A page with the plot, as HTML that needs no network.

    Args:
        comparison: of the searches.
        names: of the searches, in their order.
    """
    titles = ("against the epochs spent", "against time")
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, shared_yaxes=True)
    shown = zip(names, comparison.searches, comparison.progress, strict=True)
    for place, (name, findings, progress) in enumerate(shown):
        every = in_order(findings)
        ends = (every[-1].epochs, every[-1].seconds / HOUR) if every else (0, 0.0)
        axes: tuple[Sequence[float], ...] = (
            progress.epochs,
            [seconds / HOUR for seconds in progress.seconds],
        )
        for column, (axis, end) in enumerate(zip(axes, ends, strict=True), start=1):
            line = go.Scatter(
                # plotly reads tags in it.
                name=html.escape(name),
                x=[*axis, max([end, *axis])] if axis else [],
                y=[*progress.values, *progress.values[-1:]],
                mode="lines+markers",
                line={"shape": "hv", "color": COLOURS[place % len(COLOURS)], "width": 2.5},
                legendgroup=str(place),
                showlegend=column == 1,
            )
            figure.add_trace(line, row=1, col=column)
    values = [value for progress in comparison.progress for value in progress.values]
    figure.update_xaxes(title_text="epochs", row=1, col=1)
    figure.update_xaxes(title_text="hours", row=1, col=2)
    figure.update_yaxes(type="log" if is_wide(values) else "linear")
    metric = html.escape(comparison.metric.name)
    figure.update_layout(title=f"The best {metric} so far", template="plotly_white")
    page: str = figure.to_html(include_plotlyjs=True, config={"displaylogo": False})
    return page
