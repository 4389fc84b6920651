"""Functions of users that report odd things, and that change the process of their trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from modules import user_module
from offline_runs import read_runs
from resuming import Command
from searching import reports, trial_folders

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = """
import os, shutil, subprocess, sys, tempfile
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

def logging(config):
    import wandb
    with wandb.init(mode="offline", project="p", dir=tempfile.gettempdir()) as run:
        run.log({"loss": 1.0})
    for _ in range(3):
        yield {"loss": 1.0, "big": 10**5000, "no_float": 10**400}

def named(config):
    yield {"timestamp": float(config["kind"]), "loss": 1.0}

def removing(config):
    yield {"loss": 1.0}
    shutil.rmtree("here")

def reading(config):
    yield {"loss": float(open("data/value.txt").read()), "left": "LEFT" in os.environ}
    os.environ["LEFT"] = "1"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A user's folder, with the module that is searched."""
    with user_module(tmp_path, "odd_mine", MODULE):
        yield tmp_path


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


@pytest.mark.usefixtures("folder")
def test_a_directory_that_is_removed_while_the_search_runs_is_told(command: Command) -> None:
    status, out, err, _ = search(command, "removing", [1], "--wandb", "disabled")
    assert status == 2
    assert "Everything lies in" not in out
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "/here" in last


@pytest.mark.usefixtures("folder")
def test_a_finite_space_is_searched_once_and_then_the_search_ends(command: Command) -> None:
    parameters = {"kind": {"values": ["one", "number"]}, "a": {"values": [1, 1.0, True]}}
    sweep = {"method": "bayes", "metric": {"name": "loss"}, "parameters": parameters}
    Path("s.yaml").write_text(yaml.safe_dump(sweep), encoding="utf-8")
    where = ("--name", "here", "--storage-path", ".", "--wandb", "disabled")
    start = ("s.yaml", "--trainable", "odd_mine:odd", *where, "--num-samples")
    status, out, err = command(*start, "9")
    assert status == 0, err
    assert "The search has had all 6 configurations that there are." in out
    assert "Resume it" not in out
    values = [(trial / "params.json").read_text() for trial in trial_folders(Path("here"))]
    assert len(values) == len(set(values)) == 6
    status, _, err = command("--resume", "here", "--num-samples", "20")
    assert "the search is finished, all 6 trials of it, which are all that its space has" in err
    assert status == 0


@pytest.mark.usefixtures("folder")
def test_a_function_may_have_runs_of_its_own_at_wandb(command: Command) -> None:
    """W&B's process is held by its module, and serves the next trial too."""
    kinds = [1, 2, 3, 4]
    status, _, err, trials = search(
        command, "logging", kinds, "--wandb", "disabled", "--max-failures", "0"
    )
    assert status == 0, err
    assert len({reports(trial)[0]["pid"] for trial in trials}) == 1
    for name in ("big", "no_float"):
        found = [report[name] for trial in trials for report in reports(trial)]
        assert len(found) == 3 * len(trials)
        assert all(each.startswith("a whole number of ") for each in found)
    # Ray's own.
    assert not [name for name in reports(trials[0])[0] if name.startswith("user/")]


@pytest.mark.usefixtures("folder")
def test_a_metric_may_have_a_name_that_tune_uses(command: Command) -> None:
    sweep = {
        "method": "grid",
        "metric": {"name": "timestamp", "goal": "minimize"},
        "parameters": {"kind": {"values": [3, 1, 2]}},
    }
    Path("s.yaml").write_text(yaml.safe_dump(sweep), encoding="utf-8")
    where = ("--name", "here", "--storage-path", ".", "--wandb", "disabled")
    status, out, err = command("s.yaml", "--trainable", "odd_mine:named", *where)
    assert status == 0, err
    assert "timestamp 1" in out
    assert "Best configuration: trial 2" in out
