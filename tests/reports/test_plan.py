"""The plan on the terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pcsearch.command_line.cli import main

SWEEP = """\
name: try
method: bayes
metric: {name: loss, goal: minimize, target: 0.1}
early_terminate: {type: hyperband, min_iter: 3, eta: 2, strict: false}
run_cap: 30
count: 4
program: train.py
parameters:
  optimizer:
    parameters:
      lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
      name: {values: [adam, sgd], probabilities: [0.25, 0.75]}
  layers: {min: 1, max: 4}
  betas: {values: [[0.9, 0.99], {a: null}]}
  batch: {value: 32}
  limit: {value: .inf}
"""
TRAINABLE = ("--trainable", "json:dumps")
KEYS = [
    *("method", "metric", "trials", "begun", "first", "grid_size", "searcher", "scheduler"),
    *("parameters", "fixed", "notes", "configs", "runs", "commands"),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP, encoding="utf-8")
    return "s.yaml"


def test_the_text_says_everything_in_words(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--plan", *TRAINABLE]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "name: 'try'",
        "trials run: the function json:dumps",
        "method: bayes: Optuna, sampler auto: spread points, then a Gaussian process, then TPE "
        "from trial 201; it learns from the values that trials are predicted to have at their ends",
        "metric: minimize loss until a trial reaches 0.1",
        "trials: 30",
        "scheduler: ASHA with rungs after 3, 6, 12, 24, ... reports with the metric: "
        "there and at each later report a trial continues while its "
        "value at the end, as predicted by its best values so far, is among the best 1/2 and may "
        "still become one of the best three",
        "parameters:",
        "  optimizer.lr: log-uniform from 0.0001 to 0.1",
        "  optimizer.name: one of ['adam', 'sgd'] with probabilities [0.25, 0.75]",
        "  layers: a whole number from 1 to 4",
        "  betas: one of [[0.9, 0.99], {'a': null}]",
        "fixed:",
        "  batch: 32",
        "  limit: inf",
        "notes:",
        "  s.yaml:6:1: count: unknown key, not used; to bound the number of trials write run_cap",
        "  s.yaml:7:1: program: train.py is not used: pcsearch runs its own trainable",
        "  s.yaml:11:46: parameters.optimizer.parameters.lr: '1e-4': text in YAML, read as a "
        "number, also in quotes; where the text is meant write !!str 1e-4",
    ]


def test_the_document_has_the_same_and_drawn_configurations(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([file, "--plan", "--json", "--draw", "20", "--seed", "1", *TRAINABLE]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert list(plan) == KEYS
    assert (plan["method"], plan["trials"], plan["grid_size"]) == ("bayes", 30, None)
    assert plan["metric"] == {"name": "loss", "goal": "minimize", "target": 0.1, "impute": "worst"}
    assert plan["scheduler"]["rungs"][:3] == [3, 6, 12]
    assert plan["scheduler"]["metric"] == "loss"
    assert plan["parameters"]["optimizer.lr"] == {
        "distribution": "log_uniform_values",
        "min": 0.0001,
        "max": 0.1,
        "meaning": "log-uniform from 0.0001 to 0.1",
    }
    assert plan["fixed"] == {"batch": 32, "limit": ".inf"}
    assert len(plan["configs"]) == 20
    for config in plan["configs"]:
        assert 1e-4 <= config["optimizer"]["lr"] <= 0.1
        assert config["optimizer"]["name"] in ("adam", "sgd")
        assert config["betas"] in ([0.9, 0.99], {"a": None})
        assert config["batch"] == 32


def test_a_grid_is_drawn_in_its_order_however_large(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {f"p{i}": {"min": 0, "max": 999} for i in range(3)}
    Path(file).write_text(yaml.safe_dump({"method": "grid", "parameters": axes}))
    assert main([file, "--plan", "--json", "--draw", "3", *TRAINABLE]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["grid_size"] == plan["trials"] == 10**9
    assert plan["metric"] is None
    assert [config["p2"] for config in plan["configs"]] == [0, 1, 2]


def test_drawn_configurations_show_what_is_searched(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep: dict[str, Any] = {"method": "grid", "parameters": {"b": {"values": [[1], "é"]}}}
    sweep["parameters"]["a"] = {"value": 1}
    Path(file).write_text(yaml.safe_dump(sweep), encoding="utf-8")
    assert main([file, "--plan", "--draw", "5", *TRAINABLE]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["trial 1: {b: [1]}", "trial 2: {b: é}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--draw", "3"], "--draw needs --plan; add it"),
        (["--json"], "--json needs --plan; add it"),
        (["--plan", "--resume", "x", "--rerun-failed"], "--plan and --rerun-failed do not go"),
    ],
)
def test_options_of_the_plan_need_it(
    options: list[str], message: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([file, *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("method", ["bayes", "random", "grid"])
def test_the_commands_of_a_program_are_shown_without_being_asked_for(
    method: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = {
        "program": "train.py",
        "method": method,
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 1, "max": 9}},
    }
    Path(file).write_text(yaml.safe_dump(sweep))
    Path("train.py").touch()

    def commands(*options: str) -> list[str]:
        assert main([file, "--plan", "--json", "--seed", "1", *options]) == 0
        return list(json.loads(capsys.readouterr().out)["commands"])

    shown = commands("--draw", "4")
    assert all(each.startswith("/usr/bin/env python train.py --x=") for each in shown)
    assert (commands(), commands("--num-samples", "2")) == (shown[:3], shown[:2])
    assert commands("--trainable", "json:dumps") == []


def test_nothing_is_written(file: str, tmp_path: Path) -> None:
    assert main([file, "--plan", "--draw", "2", *TRAINABLE]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_of_several_metrics_it_says_which_one_stops_trials(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    several = {
        "method": "custom",
        "scheduler": {"engine": "optuna"},
        "metrics": [{"name": "loss"}, {"name": "seconds"}],
        "early_terminate": {"type": "hyperband", "min_iter": 1, "metric": "seconds"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    Path(file).write_text(json.dumps(several), encoding="utf-8")
    assert main([file, "--plan", "--num-samples", "2", *TRAINABLE]) == 0
    out = capsys.readouterr().out
    assert "a trial continues while its seconds at the end, as predicted, is among" in out
    assert "it learns from the values that trials are predicted" not in out
