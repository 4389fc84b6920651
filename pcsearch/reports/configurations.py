"""The configurations of a search whose seeds are replicates, on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.configurations import Configuration
from pcsearch.engine.results.groups import Group
from pcsearch.reports.results import heads, number
from pcsearch.reports.tables import fitting_table
from pcsearch.reports.texts import one_line
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import nested
from pcsearch.sweeps.replicates import Replicates
from pcsearch.sweeps.sweep import Sweep
from pcsearch.sweeps.writing import to_yaml


def columns(configurations: Sequence[Configuration], metrics: Sequence[Metric]) -> list[str]:
    """The heads of a table of configurations: means, deviations and counts come first."""
    parameters = list(configurations[0].runs.config) if configurations else []
    names = ["configuration"]
    if any(each.confirmation for each in configurations):
        names += ["confirmed", "±", "fresh seeds"]
    return [*names, *heads(metrics, parameters), "±", "seeds", *parameters]


def cells(configuration: Configuration, *, confirms: bool) -> list[str]:
    """The cells of a configuration's row, under the heads of `columns`.

    Args:
        configuration: of the row.
        confirms: whether the table has the columns of fresh seeds.
    """
    row = [str(configuration.number)]
    if confirms:
        row += _measured(configuration.confirmation)
    return [*row, *_measured(configuration.runs), *map(number, configuration.runs.config.values())]


def configurations_table(
    configurations: Sequence[Configuration], metrics: Sequence[Metric], top: int, width: int
) -> Lines:
    """The configurations as a table of a width in columns; of more than ``top``, the first."""
    confirms = any(each.confirmation for each in configurations)
    count = len(configurations)
    shown = fitting_table(
        columns(configurations, metrics),
        [cells(each, confirms=confirms) for each in configurations[:top]],
        width,
        title=f"{count} configurations, the best first: means over seeds",
    )
    more = [Text(f"and {count - top} more", "italic")] if count > top else []
    return Lines(shown, *more)


def best_configuration(
    configurations: Sequence[Configuration],
    sweep: Sweep,
    metric: Metric,
    replicates: Replicates,
) -> Iterator[RenderableType]:
    """The best configuration's mean, and its values as YAML."""
    best = configurations[0] if configurations else None
    if best is None or best.mean is None:
        yield Text("No configuration has a value; there is no best one.", "bold red")
        return
    title = f"Best configuration: number {best.number}, {metric.name} {best.in_words(number)}"
    without = replicates.without(sweep)
    values = {
        each.name: best.runs.config.get(each.name, each.distribution.ppf(0))
        for each in without.parameters.values()
    }
    text = to_yaml(nested((each, values[each.name]) for each in without.parameters.values()))
    yield Lines(Text(one_line(title), "bold"), Text(text.rstrip()))


def configuration_document(
    configuration: Configuration, metrics: Sequence[str]
) -> Mapping[str, Any]:
    """A configuration, as JSON has it."""
    confirmation = configuration.confirmation
    return {
        "number": configuration.number,
        "config": configuration.runs.config,
        "chosen_by": _group(configuration.runs, metrics),
        "confirmed": None if confirmation is None else _group(confirmation, metrics),
    }


def _group(group: Group, metrics: Sequence[str]) -> Mapping[str, Any]:
    return {
        "trials": [trial.number for trial in group.trials],
        "count": group.count,
        "stopped": group.stopped,
        "means": dict(zip(metrics, group.means, strict=True)),
        "deviations": dict(zip(metrics, group.deviations, strict=True)),
    }


def _measured(group: Group | None) -> list[str]:
    if group is None:
        return ["-", "-", "-"]
    total = len(group.trials)
    counted = str(total) if group.count == total else f"{group.count} of {total}"
    if group.stopped:
        counted += f" ({group.stopped} stopped)"
    return [number(group.means[0]), number(group.deviations[0]), counted]


def trial_in_words(
    number: int, results: Iterable[TrialResult], replicates: Replicates | None, *facts: str
) -> str:
    """A trial by its number, with facts about it; with replicates, its configuration and seed."""
    replicate = next((each.replicate for each in results if each.number == number), None)
    if replicate is not None and replicates is not None:
        facts = (replicates.in_words(*replicate), *facts)
    return f"trial {number} ({'; '.join(facts)})" if facts else f"trial {number}"
