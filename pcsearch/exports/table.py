"""The trials of a search as a table, for spreadsheets and data frames: CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pcsearch.engine.results.configurations import MEASURES
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.selection import PARAMETER
from pcsearch.reports.plan import plain
from pcsearch.sweeps.parameters import value_of

FACTS = ("trial", "id", "status", "reason", "epochs", "seconds", "node", "start", "end")
METRIC = "metric."
"""Comes before the name of a metric that is the name of another column, too."""
CONFIGURATION = "configuration"
"""The column of a configuration's number, where seeds are replicates."""
OF_CONFIGURATION = tuple(f"{CONFIGURATION}_{name}" for name in MEASURES)
"""The columns of what is known of its means, named as in W&B's summaries."""


def as_csv(findings: Findings, trials: Sequence[Finding]) -> bytes:
    """Trials as a CSV file, with a line of names; lists and mappings are JSON in a cell."""
    file = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table(findings, trials), file)
    return bytes(file.getvalue())


def as_parquet(findings: Findings, trials: Sequence[Finding]) -> bytes:
    """Trials as a Parquet file; its schema has the place and the method of the search."""
    about = {"pcsearch.place": findings.place, "pcsearch.method": findings.sweep.method}
    file = pa.BufferOutputStream()
    rows = table(findings, trials).replace_schema_metadata(about)
    pyarrow.parquet.write_table(rows, file)
    return bytes(file.getvalue())


def table(findings: Findings, trials: Iterable[Finding]) -> pa.Table:
    """The table: a row for each trial; its facts, metrics, and all parameters.

    Times are in seconds, and in seconds since 1970. A column whose values have several types is
    text.
    """
    measures = {each.number: [*each.measures.values()] for each in findings.configurations}
    rows = [_row(findings, trial, measures) for trial in trials]
    return pa.table({name: _column([row[name] for row in rows]) for name in columns(findings)})


def columns(findings: Findings) -> list[str]:
    """The names of the columns."""
    return [*_facts(findings), *metric_columns(findings), *_parameter_columns(findings).values()]


def metric_columns(findings: Findings) -> list[str]:
    """The names of the columns of the metrics, in the order of the metrics."""
    names = [metric.name for metric in findings.metrics]
    return list(_apart(names, METRIC, _facts(findings)).values())


def _facts(findings: Findings) -> tuple[str, ...]:
    return FACTS if findings.replicates is None else (*FACTS, CONFIGURATION, *OF_CONFIGURATION)


def _parameter_columns(findings: Findings) -> dict[str, str]:
    """The names of the columns of the parameters, by the names of the parameters."""
    taken = [*_facts(findings), *metric_columns(findings)]
    return _apart(list(findings.sweep.parameters), PARAMETER, taken)


def _apart(names: Sequence[str], prefix: str, taken: Sequence[str]) -> dict[str, str]:
    """Names for columns, by the names that they would have if none of these was taken.

    A prefix comes before one that is, as often as it takes.
    """
    used, found = {*taken, *names}, {}
    for name in names:
        column = name
        while name in taken and column in used:
            column = f"{prefix}{column}"
        used.add(column)
        found[name] = column
    return found


def _row(
    findings: Findings, trial: Finding, measures: Mapping[int, Sequence[Any]]
) -> Mapping[str, Any]:
    """The row of a trial, with what is known of the configurations, by their numbers."""
    result = trial.result
    facts = (
        *(result.number, result.trial_id, trial.status, trial.reason, result.epoch),
        *(result.seconds, trial.node, trial.start, trial.end),
    )
    row: dict[str, Any] = dict(zip(FACTS, facts, strict=True))
    if findings.replicates is not None:
        number = None if result.replicate is None else result.replicate.configuration
        known = measures.get(number or 0, [None] * len(OF_CONFIGURATION))
        row |= {CONFIGURATION: number, **dict(zip(OF_CONFIGURATION, known, strict=True))}
    row |= dict(zip(metric_columns(findings), result.values, strict=True))
    names = _parameter_columns(findings)
    for parameter in findings.sweep.parameters.values():
        row[names[parameter.name]] = value_of(result.config, parameter)
    return row


def _column(values: Sequence[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and _fit(values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float} and _fit(values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) == 1 and kinds <= {str, bool}:
        return pa.array(values)
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _fit(values: Iterable[Any]) -> bool:
    """Whether the whole numbers have room in 64 bits."""
    return all(abs(value) < 2**63 for value in values if isinstance(value, int))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
