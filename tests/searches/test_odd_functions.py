"""Functions of users that report odd things, and that change the process of their trials."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from offline_runs import read_runs
from resuming import Command
from searching import reports, trial_folders

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = """
import os, subprocess, sys, tempfile
import numpy as np
from ray import tune

ODD = {
    "complex": 1 + 2j, "text": "high", "number": "0.25", "true": True, "bytes": b"a",
    "infinite": "inf", "array": np.arange(3), "one": np.array([[0.5]]), "nested": {1: {2j}},
}

def odd(config):
    value = ODD[config["kind"]]
    tune.report({"loss": value, "z": 1j, 7: 0.5})
    tune.report({"loss": value, "z": 2j, 7: 0.5})

def colliding(config):
    for epoch in range(3):
        names = {"training_iteration": 99, "done": True, "pid": "mine", "trial_id": "mine"}
        names |= {"timestamp": -1, "time_total_s": "long", "config": {"a": 1}}
        yield {"loss": 1.0 / (epoch + 1), **names}

def leaving(config):
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
    os.environ["LEFT"] = "1"
    yield {"loss": 1.0}

def reading(config):
    yield {"loss": float(open("data/value.txt").read()), "left": "LEFT" in os.environ}
    os.environ["LEFT"] = "1"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder, with the module that is searched."""
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    (tmp_path / "odd_mine.py").write_text(MODULE)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("odd_mine", None)


def search(
    command: Command, function: str, values: list[Any], *options: str
) -> tuple[int, str, str, list[Path]]:
    """Search a function one trial after the other, so that all use one process."""
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"kind": {"values": values}},
    }
    Path("s.yaml").write_text(yaml.safe_dump(sweep), encoding="utf-8")
    where = ("--name", "here", "--storage-path", ".", "--max-concurrent", "1")
    done = command("s.yaml", "--trainable", f"odd_mine:{function}", *where, *options)
    return (*done, trial_folders(Path("here")))


@pytest.mark.usefixtures("folder")
def test_nothing_that_a_trial_reports_ends_the_search(command: Command) -> None:
    kinds = ["complex", "text", "number", "true", "bytes", "infinite", "array", "one", "nested"]
    status, out, err, trials = search(command, "odd", kinds, "--wandb", "offline")
    assert status == 0, err
    assert len(trials) == len(kinds)
    found = {kind: reports(trial)[-1] for kind, trial in zip(kinds, trials, strict=True)}
    assert found["complex"]["loss"] == "(1+2j)"
    assert found["array"]["loss"] == [0, 1, 2]
    assert found["one"]["loss"] == 0.5
    assert found["true"]["z"] == "2j"
    assert found["true"]["7"] == 0.5
    assert "Best configuration: trial 3" in out
    assert "loss 0.25" in out
    lines = err.splitlines()
    assert lines.count("trial 1 reports loss as text: '(1+2j)'") == 1
    assert sum(" reports loss as " in line for line in lines) == 1, "once for each name"
    assert sum(" reports z as text: '1j'" in line for line in lines) == 1
    diverged = [line for line in lines if "diverged" in line]
    assert len(diverged) == 1
    assert diverged[0].startswith("trial 6 ")
    runs = {run.config["kind"]: run for run in read_runs(Path("here"))}
    assert runs.keys() == set(kinds)
    assert runs["complex"].rows()[0]["z"] == "1j"
    status, _, err = command("--resume", "here")
    assert status == 0, err


@pytest.mark.usefixtures("folder")
def test_names_that_tune_uses_stay_the_users(command: Command) -> None:
    status, _, err, trials = search(command, "colliding", [1], "--wandb", "disabled")
    assert status == 0, err
    rows = reports(trials[0])
    assert [row["training_iteration"] for row in rows] == [1, 2, 3]
    assert [row["done"] for row in rows] == [False, False, False]
    assert {row["user/training_iteration"] for row in rows} == {99}
    assert rows[0]["user/config"] == {"a": 1}
    assert (rows[0]["user/pid"], rows[0]["user/time_total_s"]) == ("mine", "long")


@pytest.mark.usefixtures("folder")
def test_a_trial_that_deletes_its_folder_fails_no_other(command: Command) -> None:
    status, _, err, trials = search(command, "leaving", [1, 2, 3], "--wandb", "disabled")
    assert status == 0, err
    pids = {reports(trial)[0]["pid"] for trial in trials}
    assert len(pids) == 1, "they have had one process"


def test_relative_paths_start_where_the_command_was_started(folder: Path, command: Command) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "value.txt").write_text("0.5")
    status, _, err, trials = search(command, "reading", [1, 2], "--wandb", "disabled")
    assert status == 0, err
    assert [reports(trial)[0]["loss"] for trial in trials] == [0.5, 0.5]
    assert [reports(trial)[0]["left"] for trial in trials] == [False, False]
