"""The trials of a search as a table: a data frame of pandas, and HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.page.html import Html, tag
from pcsearch.reports import configurations
from pcsearch.reports.results import number
from pcsearch.sweeps.parameters import value_of

if TYPE_CHECKING:
    import pandas as pd

ROWS = 10
"""Of the HTML."""
TIMES = ("start", "end")
FOLDER = "folder"


def as_frame(findings: Findings, folders: Sequence[str]) -> pd.DataFrame:
    """The trials as a data frame.

    Args:
        findings: of the search.
        folders: of its trials, in their order.
    """
    import pandas as pd

    from pcsearch.exports.table import table

    trials = table(findings, findings.trials)
    frame = trials.to_pandas()
    for field in trials.schema:
        # pandas would make numbers with a fraction, or objects, of those where some are missing.
        if trials[field.name].null_count and str(field.type) in ("int64", "bool"):
            kind = {"int64": "Int64", "bool": "boolean"}[str(field.type)]
            frame[field.name] = pd.array(trials[field.name].to_pylist(), dtype=kind)
    for name in TIMES:
        times = pd.to_datetime(frame[name].astype("float64"), unit="s", utc=True)
        frame[name] = times.dt.as_unit("ms")
    name = FOLDER
    while name in frame.columns:
        name = f"trial.{name}"
    frame[name] = pd.Series(folders, dtype="str")
    return frame


def as_html(findings: Findings) -> Html:
    """The best trials as a small table, below a line about the search.

    Where seeds are replicates it has configurations.
    """
    count = len(findings.trials)
    summary = f"{findings.place}: {findings.state}, {count} of {findings.cap} trials"
    heads, rows = _trials(findings) if findings.replicates is None else _configurations(findings)
    more = len(rows) - ROWS
    body = [tag("tr", *(tag("td", text) for text in cells)) for cells in rows[:ROWS]]
    return tag(
        "div",
        tag("div", summary),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", name) for name in heads))),
            tag("tbody", *body),
        ),
        tag("div", f"and {more} more") if more > 0 else Html(""),
    )


def _trials(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """The heads and the rows of a table of trials, the best first."""
    metrics, searched = findings.metrics, findings.searched
    names = [metric.name for metric in metrics]
    heads = ["trial", *names, "epochs", *(each.name for each in searched), "status"]
    return heads, [_cells(each, findings) for each in findings.ranking]


def _configurations(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """The heads and the rows of a table of configurations, the best first."""
    found = findings.configurations
    confirms = any(each.confirmation for each in found)
    rows = [configurations.cells(each, confirms=confirms) for each in found]
    return configurations.columns(found, findings.metrics), rows


def _cells(trial: Finding, findings: Findings) -> list[str]:
    result = trial.result
    values = [number(value_of(result.config, each)) for each in findings.searched]
    measured = [number(value) for value in result.values]
    return [str(result.number), *measured, str(result.epoch), *values, trial.status]
