"""Tables of the page: of all trials, and of the values behind a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.page.html import Html, joined, tag
from pcsearch.reports.results import duration, number
from pcsearch.sweeps.distributions.base import is_number
from pcsearch.sweeps.parameters import Parameter, value_of

LONGEST_TEXT = 500
"""The most characters in a cell."""


def plain_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Html:
    """A table of values: its first column has the heads of the rows."""
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    body = [
        tag("tr", tag("th", _text(row[0]), scope="row"), *(_cell(each) for each in row[1:]))
        for row in rows
    ]
    return tag("table", tag("thead", head), tag("tbody", *body))


def behind(table: Html) -> Html:
    """The table behind a figure, which a reader can open."""
    summary = tag("summary", "The values as a table")
    return tag("details", summary, tag("div", table, class_="scroll", tabindex="0"))


def trials_table(findings: Findings, parameters: Sequence[Parameter]) -> Html:
    """The table of all trials, the best first, which the page's script sorts and filters.

    Args:
        findings: of the search.
        parameters: that have columns.
    """
    several = len(findings.metrics) > 1
    names = ["trial", *(metric.name for metric in findings.metrics), "epochs", "status"]
    names += [parameter.name for parameter in parameters]
    names += ["seconds", "node", "why"]
    rows = [
        _trial(each, parameters, several and each.result.number in findings.front)
        for each in findings.ranking
    ]
    head = tag("tr", *(_head(name, place) for place, name in enumerate(names)))
    caption = tag("caption", "The trials, the best first")
    body = tag("tbody", *rows)
    return tag("table", caption, tag("thead", head), body, id="trials-table", class_="trials")


def _head(name: str, place: int) -> Html:
    button = tag("button", name, type="button", data_column=str(place))
    return tag("th", button, scope="col", aria_sort="none")


def _trial(trial: Finding, parameters: Sequence[Parameter], in_front: bool) -> Html:
    result = trial.result
    text = str(result.number)
    mark = tag(
        "button",
        text,
        type="button",
        class_="mark",
        aria_pressed="false",
        aria_label=f"Mark trial {text}",
    )
    cells = [
        tag("th", mark, scope="row", data_v=text),
        *(_cell(value) for value in result.values),
        _cell(result.epoch),
        tag("td", trial.status, class_=f"status {trial.status}"),
        *(_cell(value_of(result.config, parameter)) for parameter in parameters),
        tag("td", duration(result.seconds), class_="n", data_v=f"{result.seconds:.6g}"),
        _cell(trial.node or None),
        _cell(trial.reason or None),
    ]
    return tag("tr", joined(cells), data_trial=text, class_="front" if in_front else None)


def _cell(value: Any) -> Html:
    if is_number(value):
        exact = repr(value) if isinstance(value, float) else str(value)
        return tag("td", number(value), class_="n", data_v=exact)
    return tag("td", _text(value))


def _text(value: Any) -> str:
    """A value as a cell has it: numbers are short, texts are whole up to a length."""
    if value is None or isinstance(value, float):
        return number(value)
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
