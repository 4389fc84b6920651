"""Reports of trials as rows of a run's history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pcsearch.engine.records.report import reported_by_trial
from pcsearch.pc.metrics import RECONSTRUCTION_VIDEO, RECONSTRUCTIONS

MEDIA = (RECONSTRUCTIONS, RECONSTRUCTION_VIDEO)
"""The keys of a report whose values name a file, relative to the trial's directory."""

Values = dict[str, bool | int | float | str]


class Row(NamedTuple):
    """What a run takes from a report.

    Args:
        step: the report's epoch.
        values: the numbers and strings.
        files: the files that the report names, by key.
        node: the machine that made the report, None where it does not tell.
    """

    step: int
    values: Values
    files: dict[str, str]
    node: str | None


def make_row(step: int, report: Mapping[str, Any]) -> Row:
    """The row of a flat report."""
    return Row(step, values_of(report), files_of(report), node_of(report))


def values_of(report: Mapping[str, Any]) -> Values:
    """The numbers and strings of a flat report; scalars of numpy and torch are numbers."""
    reported = reported_by_trial(report)
    plain = ((name, _plain(value)) for name, value in reported if name not in MEDIA)
    return {name: value for name, value in plain if value is not None}


def files_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The files that a report names, by key."""
    return {key: str(report[key]) for key in MEDIA if report.get(key)}


def node_of(report: Mapping[str, Any]) -> str | None:
    """The machine that made a report: its name and address."""
    host, address = report.get("hostname"), report.get("node_ip")
    return f"{host} ({address})" if host and address else host or address


def _plain(value: Any) -> bool | int | float | str | None:
    if isinstance(value, str):
        return str(value)
    try:
        if hasattr(value, "item"):
            value = value.item()
    # An array of several numbers.
    except (ValueError, RuntimeError, TypeError):
        return None
    return value if isinstance(value, bool | int | float) else None
