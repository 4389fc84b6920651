"""What a search has found, on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group as Lines
from rich.text import Text

from pcsearch.engine.results.effort import Effort, effort
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.groups import Group
from pcsearch.engine.results.importance import Importance
from pcsearch.reports.configurations import configuration_document
from pcsearch.reports.plan import plain
from pcsearch.reports.results import duration, failures, heads, number
from pcsearch.reports.tables import fitting_table
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import value_of

ELSEWHERE = "--json has everything"
FAILURES = 5
"""So many failed trials have a line."""


def trials_table(findings: Findings, trials: Sequence[Finding], top: int, width: int) -> Lines:
    """The trials as a table of a width in columns; of more than ``top``, the first.

    Columns that do not fit are left out from the right, and named below.
    """
    searched = findings.searched
    parameters = [parameter.name for parameter in searched]
    facts = ["epochs", "status", "time"]
    measured = heads(findings.metrics, [*facts, *parameters])
    names = ["trial", *measured, *facts, *parameters, "node", "why"]
    rows = [
        [
            str(each.result.number),
            *map(number, each.result.values),
            str(each.result.epoch),
            each.status,
            duration(each.result.seconds),
            *(number(value_of(each.result.config, parameter)) for parameter in searched),
            each.node or "-",
            number(each.reason or None),
        ]
        for each in trials[:top]
    ]
    # A reason is often empty for all.
    if all(row[-1] == "-" for row in rows):
        names, rows = names[:-1], [row[:-1] for row in rows]
    return _table(names, rows, len(trials), top, width)


def groups_table(findings: Findings, groups: Sequence[Group], top: int, width: int) -> Lines:
    """The groups as a table: the values in common, and each metric's mean and deviation."""
    first = groups[0].config if groups else {}
    names = ["trials"]
    for head in heads(findings.metrics, list(first)):
        names += [head, "±"]
    names += list(first)
    rows = []
    for group in groups[:top]:
        row = [_counted(group)]
        for mean, deviation in zip(group.means, group.deviations, strict=True):
            row += [number(mean), number(deviation)]
        rows.append([*row, *map(number, group.config.values())])
    return _table(names, rows, len(groups), top, width)


def _counted(group: Group) -> str:
    """How many trials a group has, and how many of them have a value where not all do."""
    total = len(group.trials)
    return str(total) if group.count == total else f"{group.count} of {total}"


def _table(
    names: Sequence[str], rows: Sequence[Sequence[str]], count: int, top: int, width: int
) -> Lines:
    """The rows as a table, and how many more there are."""
    shown = fitting_table(names, rows, width, where=ELSEWHERE)
    more = [Text(f"and {count - top} more (--top {count} shows all)")] if count > top else []
    return Lines(shown, *more)


def summary(
    findings: Findings, trials: Sequence[Finding], importance: Sequence[Importance] | str
) -> Iterator[str]:
    """The lines below the table: state, effort, importance of the parameters, failures.

    Args:
        findings: of the search.
        trials: those that the user asks for.
        importance: of the parameters, or why there is none.
    """
    ended = sum(each.result.ended for each in findings.trials)
    of_cap = f"{ended} of {findings.cap} trials ended"
    yield f"{findings.place}: {findings.state}, {of_cap}"
    yield _of_effort(effort(findings))
    if isinstance(importance, str):
        yield f"Importance of the parameters: {importance}"
    else:
        yield f"Importance of the parameters: {', '.join(map(_weighed, importance))}"
    failed = list(failures([each.result for each in trials]))
    yield from failed[:FAILURES]
    if len(failed) > FAILURES:
        yield f"and {len(failed) - FAILURES} more failed trials (--where status=failed --top N)"
    yield from findings.notes


def _of_effort(spent: Effort) -> str:
    parts = [f"{spent.epochs:,} epochs"]
    if spent.saved_share is not None:
        parts[0] += f" ({spent.saved_share:.0%} of all saved by early termination)"
    parts.append(f"{duration(spent.trial_seconds)} of trials in {duration(spent.wall_seconds)}")
    if spent.nodes:
        parts.append(f"on {', '.join(spent.nodes)}")
    return ", ".join(parts)


def _weighed(importance: Importance) -> str:
    chance = "" if importance.real else " (no more than chance)"
    return f"{importance.name} {importance.share:.0%}{chance}"


def document(
    findings: Findings,
    trials: Sequence[Finding],
    groups: Sequence[Group] | None,
    importance: Sequence[Importance] | str,
) -> str:
    """Everything as one JSON document; infinities and NaN are text."""
    spent = effort(findings)
    metrics = [metric.name for metric in findings.metrics]
    content: dict[str, Any] = {
        "place": findings.place,
        "state": findings.state,
        "method": findings.sweep.method,
        "metrics": [metric.spec() for metric in findings.metrics],
        "cap": findings.cap,
        "epochs": spent.epochs,
        "epochs_saved": spent.saved,
        "trial_seconds": spent.trial_seconds,
        "wall_seconds": spent.wall_seconds,
        "nodes": list(spent.nodes),
        "importance": importance
        if isinstance(importance, str)
        else {each.name: {"share": each.share, "real": each.real} for each in importance},
        "notes": list(findings.notes),
        "trials": [trial_document(each, findings.metrics) for each in trials],
    }
    if findings.replicates is not None:
        content["configurations"] = [
            configuration_document(each, metrics) for each in findings.configurations
        ]
    if groups is not None:
        content["groups"] = [_group(each, metrics) for each in groups]
    return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)


def trial_document(trial: Finding, metrics: Sequence[Metric]) -> Mapping[str, Any]:
    """What is known of a trial, as JSON has it."""
    result, names = trial.result, [metric.name for metric in metrics]
    replicate = result.replicate
    return {
        "number": result.number,
        "id": result.trial_id,
        "folder": result.folder,
        "status": trial.status,
        "reason": trial.reason,
        "epochs": result.epoch,
        "epochs_planned": trial.epochs,
        "values": dict(zip(names, result.values, strict=True)),
        "config": result.config,
        "seconds": result.seconds,
        "node": trial.node,
        "start": trial.start,
        "end": trial.end,
        **({} if replicate is None else {"configuration": replicate.configuration}),
    }


def _group(group: Group, metrics: Sequence[str]) -> Mapping[str, Any]:
    return {
        "config": group.config,
        "trials": [trial.number for trial in group.trials],
        "count": group.count,
        "means": dict(zip(metrics, group.means, strict=True)),
        "deviations": dict(zip(metrics, group.deviations, strict=True)),
    }
