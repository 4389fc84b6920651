"""The results of a search on the terminal: the ranked trials and the best configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pcsearch.engine.records.trial_result import TrialResult, best, pareto_front, ranked
from pcsearch.reports.tables import fitting_table
from pcsearch.reports.texts import one_line
from pcsearch.sweeps.messages import listed, suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter, nested, settings, value_of
from pcsearch.sweeps.sweep import Sweep
from pcsearch.sweeps.writing import to_yaml

ROWS = 20
LONGEST_CELL = 40


def table(
    results: Sequence[TrialResult], sweep: Sweep, metrics: Sequence[Metric], width: int
) -> RenderableType:
    """The table of the trials, the best first, with at most ROWS rows, for a width in columns."""
    rows = ranked(results, metrics)
    searched = sweep.searched()
    front = {result.number for result in pareto_front(results, metrics)}
    bold = [i for i, each in enumerate(rows[:ROWS]) if len(metrics) > 1 and each.number in front]
    shown = fitting_table(
        columns(metrics, searched),
        [
            cells(each.number, each.values, str(each.epoch), each.status, each.config, searched)
            for each in rows[:ROWS]
        ],
        width,
        title=_title(results, metrics),
        bold=bold,
    )
    more = [Text(f"and {len(rows) - ROWS} more", "italic")] if len(rows) > ROWS else []
    return Group(shown, *more)


def columns(metrics: Sequence[Metric], searched: Sequence[Parameter]) -> list[str]:
    """The heads of a table of trials: number, metrics, epochs, status, the searched parameters."""
    parameters = [parameter.name for parameter in searched]
    return ["trial", *heads(metrics, parameters), "epochs", "status", *parameters]


def heads(metrics: Sequence[Metric], others: Sequence[str]) -> list[str]:
    """The heads of the metrics' columns: their last parts, where no other column has this name."""
    short = [metric.name.rpartition("/")[2] for metric in metrics]
    every = [*short, *others]
    pairs = zip(short, metrics, strict=True)
    return [name if every.count(name) == 1 else metric.name for name, metric in pairs]


def cells(
    trial: int,
    values: Sequence[float | None],
    epochs: str,
    status: str,
    config: Mapping[str, Any],
    searched: Sequence[Parameter],
) -> list[str]:
    """The cells of a trial's row, under the heads of `columns`."""
    searched_values = (value_of(config, parameter) for parameter in searched)
    return [str(trial), *map(number, values), epochs, status, *map(number, searched_values)]


def best_configurations(
    results: Sequence[TrialResult], sweep: Sweep, metrics: Sequence[Metric]
) -> Iterator[RenderableType]:
    """The best trial's values as YAML; with several metrics, those of the trials on the front."""
    if not metrics:
        return
    winner = best(results, metrics)
    if winner is None:
        message = "No trial has a value; there is no best configuration."
        yield Text(one_line(message + _missing(results, metrics)), "bold red")
        return
    if len(metrics) == 1:
        yield _configuration("Best configuration", winner, sweep, metrics)
        return
    front = [result for result in ranked(results, metrics) if result.valued]
    numbers = {result.number for result in pareto_front(results, metrics)}
    front = [result for result in front if result.number in numbers]
    yield Text(f"Pareto front: {len(front)} trials that no other beats in every metric", "bold")
    for result in front[:ROWS]:
        yield _configuration("Configuration", result, sweep, metrics)
    if len(front) > ROWS:
        yield Text(f"and {len(front) - ROWS} more")


def failures(results: Sequence[TrialResult]) -> Iterator[str]:
    """A line for every trial that failed: its number, its error file, and its error."""
    for result in results:
        if result.status == "failed":
            yield f"trial {result.number} failed ({result.folder}/error.txt): {result.error}"


def number(value: Any) -> str:
    """A value as a cell shows it: numbers to four significant digits, None as a dash."""
    if value is None:
        return "-"
    text = one_line(f"{value:.4g}" if isinstance(value, float) else str(value))
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"


def duration(seconds: float) -> str:
    """Seconds as text for a person: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _configuration(
    heading: str, result: TrialResult, sweep: Sweep, metrics: Sequence[Metric]
) -> RenderableType:
    pairs = zip(metrics, result.values, strict=True)
    measured = ", ".join(f"{metric.name} {number(value)}" for metric, value in pairs)
    title = f"{heading}: trial {result.number} ({result.trial_id}), {measured}"
    text = to_yaml(nested(settings(result.config, sweep.parameters.values())))
    return Group(Text(one_line(title), "bold"), Text(text.rstrip()))


def _missing(results: Sequence[TrialResult], metrics: Sequence[Metric]) -> str:
    """A sentence on the names that trials report, if none reports the metric; else empty."""
    reported = {name for result in results for name in result.reported}
    absent = [metric.name for metric in metrics if metric.name not in reported]
    if not absent or not reported:
        return ""
    hint = suggestion(absent[0], reported) or f"; they report {listed(sorted(reported), 'and')}"
    text = f" No trial reports {absent[0]!r}{hint}"
    return text if text.endswith("?") else f"{text}."


def _title(results: Sequence[TrialResult], metrics: Sequence[Metric]) -> str:
    if not metrics:
        return f"{len(results)} trials"
    valued = sum(result.valued for result in results)
    rest = f", {len(results) - valued} without a value" if valued < len(results) else ""
    order = "the best first" if len(metrics) == 1 else "those that no other beats first"
    return f"{len(results)} trials, {order}{rest}"
