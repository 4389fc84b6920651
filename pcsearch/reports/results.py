"""The end of a search on the terminal: the ranked trials and the best configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pcsearch.engine.results import TrialResult, best, has_value, ranked
from pcsearch.sweeps.distributions import Constant
from pcsearch.sweeps.sweep import Metric, Sweep

ROWS = 20
STATUS_STYLES = {
    "finished": "green",
    "stopped": "yellow",
    "diverged": "red",
    "failed": "bold red",
    "interrupted": "magenta",
}


def searched(sweep: Sweep) -> list[str]:
    """The names of the parameters that differ between trials, in the file's order."""
    return [
        name
        for name, parameter in sweep.parameters.items()
        if not isinstance(parameter.distribution, Constant)
    ]


def table(results: Sequence[TrialResult], sweep: Sweep, metric: Metric) -> Table:
    """The trials, the best first; of many, the best ROWS."""
    rows = ranked(results, metric)
    names = searched(sweep)
    shown = columns(metric, names)
    shown.title, shown.title_justify, shown.caption_justify = _title(results), "left", "left"
    for result in rows[:ROWS]:
        shown.add_row(
            str(result.number),
            number(result.value),
            str(result.epoch),
            *(number(result.config.get(name)) for name in names),
            Text(result.status, STATUS_STYLES[result.status]),
        )
    if len(rows) > ROWS:
        shown.caption = f"and {len(rows) - ROWS} more"
    return shown


def columns(metric: Metric, names: Sequence[str]) -> Table:
    """An empty table for trials: number, metric, epochs, the searched parameters, status."""
    empty = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in ("trial", metric.name.rpartition("/")[2], "epochs", *names):
        empty.add_column(name, justify="right", overflow="fold")
    empty.add_column("status", no_wrap=True)
    return empty


def best_configuration(
    results: Sequence[TrialResult], sweep: Sweep, metric: Metric
) -> RenderableType:
    """The best trial's values as YAML, in the file's order."""
    winner = best(results, metric)
    if winner is None:
        return Text("No trial has a value; there is no best configuration.", "bold red")
    values = {name: winner.config[name] for name in sweep.parameters if name in winner.config}
    heading = Text(
        f"Best configuration: trial {winner.number} ({winner.trial_id}), "
        f"{metric.name} {number(winner.value)}",
        "bold",
    )
    return Group(heading, Text(yaml.safe_dump(values, sort_keys=False).rstrip()))


def failures(results: Sequence[TrialResult]) -> Iterator[str]:
    """A line for every trial that failed: which, where to read more, and why."""
    for result in results:
        if result.status == "failed":
            yield f"trial {result.number} failed ({result.folder}/error.txt): {result.error}"


def number(value: Any) -> str:
    """A value as a cell shows it: numbers to four significant digits, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _title(results: Sequence[TrialResult]) -> str:
    valued = sum(map(has_value, results))
    rest = f", {len(results) - valued} without a value" if valued < len(results) else ""
    return f"{len(results)} trials, the best first{rest}"
