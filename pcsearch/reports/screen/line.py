"""A search in a line, where there is no terminal for the live screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcsearch.reports.results import duration, number
from pcsearch.reports.screen.frame import amount, of_wandb
from pcsearch.reports.screen.view import View
from pcsearch.sweeps.metrics import Metric


def headline(view: View) -> str:
    """The trials so far, the best value, and the time that is left."""
    parts = [f"{view.ended} of {view.cap} trials ended, {len(view.running)} running"]
    if view.elsewhere:
        parts.append(f"{view.elsewhere} of other drivers")
    if view.best is not None:
        parts.append(view.best.in_words(view.metrics[0].name))
    if view.estimate.seconds is not None:
        parts.append(f"about {duration(view.estimate.seconds)} left")
    return "; ".join(parts)


def summary(view: View) -> str:
    """Everything about a search that a line holds."""
    return "; ".join([headline(view), *_effort(view)])


def measured(metrics: Sequence[Metric], values: Sequence[float | None]) -> str:
    """The values of metrics, with their names."""
    pairs = zip(metrics, values, strict=True)
    return ", ".join(f"{metric.name} {number(value)}" for metric, value in pairs)


def _effort(view: View) -> Iterator[str]:
    expected = view.estimate.expected
    of_all = "" if expected is None else f" of about {expected:,.0f}"
    yield f"{view.estimate.epochs:,}{of_all} epochs"
    if view.ends:
        yield ", ".join(f"{count:,} {how}" for how, count in view.ends.items())
    if view.usage:
        yield f"{', '.join(map(amount, view.usage))} in use"
    yield f"W&B: {', '.join(of_wandb(view.wandb))}"
