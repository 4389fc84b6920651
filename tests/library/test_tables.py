"""The trials of a search as a data frame, and as HTML."""

from __future__ import annotations

import pandas as pd
import pytest
from made_findings import made_findings, made_race, made_trial

from pcsearch.exports.table import columns
from pcsearch.library.tables import ROWS, as_frame, as_html

pytestmark = pytest.mark.oldest

SWEEP = """
method: random
metric: {name: loss}
parameters:
  x: {min: 1, max: 99}
  flag: {values: [true, false]}
  folder: {values: [a, "<script>"]}
"""
TRIALS = [
    made_trial(1, {"x": 3, "flag": True, "folder": "a"}, 0.5),
    made_trial(2, {"x": 4, "flag": False, "folder": "<script>"}, 0.25),
    made_trial(3, {}, None, status="failed"),
]


def test_a_frame_has_the_columns_of_the_export_with_their_types() -> None:
    findings = made_findings(SWEEP, TRIALS)
    frame = as_frame(findings, ["/1", "/2", "/3"])
    assert list(frame.columns) == [*columns(findings), "trial.folder"]
    assert list(frame["trial.folder"]) == ["/1", "/2", "/3"]
    kinds = {name: str(frame[name].dtype) for name in frame.columns}
    whole = {"trial": "int64", "epochs": "int64", "x": "Int64", "flag": "boolean"}
    times = dict.fromkeys(("start", "end"), "datetime64[ms, UTC]")
    assert kinds.items() >= {**whole, **times, "loss": "float64", "seconds": "float64"}.items()
    assert frame["x"].tolist() == [3, 4, pd.NA]
    assert frame["start"][0] == pd.Timestamp(1000, unit="s", tz="UTC")
    assert frame.set_index("trial")["loss"].idxmin() == 2
    names = {"folder": "a", "trial.folder": "b"}
    both = SWEEP + '  "trial.folder": {values: [b, c]}\n'
    frame = as_frame(made_findings(both, [made_trial(1, names, 0.5)]), ["/1"])
    assert frame["trial.trial.folder"].tolist() == ["/1"]
    assert frame["trial.folder"].tolist() == ["b"]
    complete = as_frame(made_findings(SWEEP, TRIALS[:2]), ["/1", "/2"])
    assert (str(complete["x"].dtype), str(complete["flag"].dtype)) == ("int64", "bool")


def test_a_frame_of_no_trials_has_its_columns() -> None:
    findings = made_findings("method: grid\nparameters: {x: {values: [1]}}", [])
    frame = as_frame(findings, [])
    assert list(frame.columns) == [*columns(findings), "folder"]
    assert len(frame) == 0


def test_html_has_the_best_first_and_is_escaped() -> None:
    html = as_html(made_findings(SWEEP, TRIALS))
    assert "<script>" not in html
    assert html.index("&lt;script&gt;") < html.index("<td>a</td>")
    assert "/results/here: finished, 3 of 99 trials" in html
    more = [made_trial(n, {"x": n, "flag": True, "folder": "a"}, float(n)) for n in range(1, 15)]
    html = as_html(made_findings(SWEEP, more))
    assert html.count("<tr>") == ROWS + 1
    assert f"and {len(more) - ROWS} more" in html


def test_html_has_configurations_where_seeds_are_replicates() -> None:
    html = as_html(made_race({1: [1.0, 3.0], 2: [0.5, 9.0]}))
    assert html.index("<td>2</td><td>1.414</td>") < html.index("<td>4.75</td>")
    assert "<th>seeds</th>" in html
    assert "4 of 99 trials" in html
