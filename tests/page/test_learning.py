"""The figure of the learning curves."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_findings import made_findings, made_origin, made_trial

from pcsearch.page import learning
from pcsearch.page.learning import learning_curves

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
)


def test_curves_with_rungs_and_the_ends_of_trials(tmp_path: Path) -> None:
    trials = [
        made_trial(1, {}, 0.5, folder=tmp_path),
        made_trial(2, {}, 0.25, status="stopped", folder=tmp_path),
    ]
    findings = made_findings(TEXT, trials)
    (figure,) = learning_curves(findings, made_origin(findings, rungs=(2, 4, 8)).plan)
    lines = {trace["name"]: trace for trace in figure.data}
    assert lines["finished"]["x"] == [1, 2, 3, 4, 5, None]
    assert lines["finished"]["customdata"] == [1, 1, 1, 1, 1, None]
    assert lines["stopped: end"]["x"] == [5]
    assert lines["stopped: end"]["customdata"] == [2]
    # No trial came to the last rung.
    assert [shape["x0"] for shape in figure.layout["shapes"]] == [2, 4]
    assert "rungs of ASHA, counted in epochs" in figure.about


def test_of_very_many_curves_some_are_drawn_and_the_figure_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_CURVES", 2)
    trials = [made_trial(n, {}, n / 10, folder=tmp_path) for n in (1, 2, 3, 4)]
    findings = made_findings(TEXT, trials)
    (figure,) = learning_curves(findings, made_origin(findings).plan)
    assert figure.data[1]["customdata"] == [1, 2]
    assert "2 of 4 trials are drawn, the best among them." in figure.about


def test_without_reports_there_is_no_figure() -> None:
    findings = made_findings(TEXT, [made_trial(1, {}, None, status="failed")])
    assert learning_curves(findings, made_origin(findings).plan) == []
