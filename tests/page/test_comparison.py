"""Searches on one plot."""

from __future__ import annotations

import json
import re
from typing import Any

from made_findings import made_findings, made_trial

from pcsearch.engine.results.comparison import compared
from pcsearch.engine.results.findings import Findings
from pcsearch.page.comparison import comparison_page

TEXT = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters: {x: {values: [1, 2, 3]}}\n"


def search(*values: float) -> Findings:
    trials = [made_trial(n, {"x": n}, value) for n, value in enumerate(values, start=1)]
    return made_findings(TEXT, trials)


def traces(page: str) -> list[dict[str, Any]]:
    """What plotly draws; its own code comes before."""
    data = page[page.rindex("Plotly.newPlot(") :]
    found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(data[data.index("[") :])[0]
    return found


def test_a_line_for_each_search_on_each_axis() -> None:
    page = comparison_page(compared([search(0.5, 0.7, 0.3), search()], ["seed"]), ["a", "b"])
    lines = traces(page)
    assert [line["name"] for line in lines] == ["a", "a", "b", "b"]
    epochs, hours = lines[:2]
    assert epochs["x"] == [5, 15, 15]
    assert epochs["y"] == [0.5, 0.3, 0.3]
    assert hours["x"] == [10 / 3600, 2010 / 3600, 2010 / 3600]
    assert lines[2]["x"] == []
    assert not re.search(r"<script[^>]* src=|<link", page)


def test_names_are_text() -> None:
    hostile = "</script><b>x"
    page = comparison_page(compared([search(0.5), search(0.4)], []), [hostile, "b"])
    assert traces(page)[0]["name"] == "&lt;/script&gt;&lt;b&gt;x"
