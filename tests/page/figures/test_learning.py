"""The figure of the learning curves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_findings import made_findings, made_origin, made_trial

from pcsearch.page.figures import learning
from pcsearch.page.figures.learning import learning_curves

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


def test_curves_are_over_what_the_rungs_count(tmp_path: Path) -> None:
    text = f"{TEXT}early_terminate: {{type: hyperband, min_iter: 2}}\n"
    # Every third report has the metric and the epoch, which starts at 0.
    reports = [
        {"training_iteration": n, "loss": 10 - n, "at": n // 3 - 1}
        if n % 3 == 0
        else {"training_iteration": n, "other": 1}
        for n in range(1, 11)
    ]
    trial = made_trial(1, {}, 0.5, status="stopped", folder=tmp_path)
    lines = "".join(f"{json.dumps(each)}\n" for each in reports)
    trial.folder.joinpath("result.json").write_text(lines)
    findings = replace(made_findings(text, [trial]), time_attr="training_iteration")
    plan = made_origin(findings, rungs=(2, 4)).plan
    for key, counted, places in (
        (None, "reports with the metric", [1, 2, 3]),
        ("at", "the values of at", [0, 1, 2]),
    ):
        (figure,) = learning_curves(
            replace(findings, epoch_key=key), replace(plan, counted=counted)
        )
        traces = {trace["name"]: trace for trace in figure.data}
        assert traces["stopped"]["x"] == [*places, None]
        assert traces["stopped"]["y"] == [7, 4, 1, None]
        assert traces["stopped: end"]["x"] == places[-1:]
        assert [shape["x0"] for shape in figure.layout["shapes"]] == [2]
        assert figure.layout["xaxis"]["title"]["text"] == counted


def test_the_rungs_count_by_the_metric_that_trials_are_stopped_by(tmp_path: Path) -> None:
    text = (
        "method: custom\nscheduler: {engine: optuna}\n"
        "metrics: [{name: loss, goal: minimize}, {name: error, goal: minimize}]\n"
        "early_terminate: {type: hyperband, min_iter: 1, metric: error}\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\n"
    )
    trial = made_trial(1, {}, 0.5, 0.5, folder=tmp_path)
    reports = [
        {"training_iteration": n, "loss": n} | ({"error": n} if n % 2 == 0 else {})
        for n in range(1, 7)
    ]
    lines = "".join(f"{json.dumps(each)}\n" for each in reports)
    trial.folder.joinpath("result.json").write_text(lines)
    findings = replace(made_findings(text, [trial]), time_attr="training_iteration")
    assert findings.learning_curve(trial) == [(0, 1), (1, 3), (2, 5), (3, 6)]


def test_of_very_many_curves_some_are_drawn_and_the_figure_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_CURVES", 2)
    trials = [made_trial(n, {}, n / 10, folder=tmp_path) for n in (1, 2, 3, 4)]
    trials += [made_trial(n, {}, None, status="diverged", folder=tmp_path) for n in (5, 6, 7)]
    findings = made_findings(TEXT, trials)
    (figure,) = learning_curves(findings, made_origin(findings).plan)
    ends = {trace["name"]: trace["customdata"] for trace in figure.data if "hovertext" in trace}
    assert ends == {"finished: end": [1, 2], "diverged: end": [5, 6]}
    assert "2 of 4 trials are drawn, the best among them." in figure.about
    assert "Of 3 without a value the first 2 are drawn." in figure.about


def test_trials_that_diverged_or_failed_have_curves_too(tmp_path: Path) -> None:
    trials = [
        made_trial(1, {}, None, status="failed", folder=tmp_path),
        made_trial(2, {}, None, status="diverged", folder=tmp_path),
    ]
    with (trials[1].folder / "result.json").open("a") as file:
        file.write('{"epoch": 6, "loss": NaN}\n')
    findings = made_findings(TEXT, trials)
    (figure,) = learning_curves(findings, made_origin(findings).plan)
    lines = {trace["name"]: trace for trace in figure.data}
    assert lines["failed"]["customdata"] == [1, 1, 1, 1, 1, None]
    # Its last value is not finite.
    assert lines["diverged: end"]["x"] == [5]
    assert "also for those that diverged or failed" in figure.about


def test_what_diverged_does_not_stretch_the_axis(tmp_path: Path) -> None:
    trials = [
        made_trial(1, {}, 1.0, folder=tmp_path),
        made_trial(2, {}, None, status="diverged", folder=tmp_path),
    ]
    findings = made_findings(TEXT, trials)
    plan = made_origin(findings).plan
    trials[1].folder.joinpath("result.json").write_text('{"epoch": 1, "loss": 3.0}\n')
    (figure,) = learning_curves(findings, plan)
    assert "range" not in figure.layout["yaxis"]
    trials[1].folder.joinpath("result.json").write_text('{"epoch": 1, "loss": 1e30}\n')
    (figure,) = learning_curves(findings, plan)
    assert figure.layout["yaxis"]["type"] == "linear"
    # Its values go from 1 to 5.
    assert figure.layout["yaxis"]["range"] == [0.8, 5.2]


def test_without_reports_there_is_no_figure() -> None:
    findings = made_findings(TEXT, [made_trial(1, {}, None, status="failed")])
    assert learning_curves(findings, made_origin(findings).plan) == []
