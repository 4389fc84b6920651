"""Functions of users that report odd things, and that change the process of their trials."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from modules import user_module
from offline_runs import read_runs
from searching import reports, shown, trial_folders

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = """
import os, shutil, subprocess, sys, tempfile
import numpy as np

ODD = {
    "complex": 1 + 2j, "text": "high", "number": "0.25", "true": True, "bytes": b"a",
    "infinite": "inf", "array": np.arange(3), "one": np.array([[0.5]]), "nested": {1: {2j}},
}

def odd(config):
    value = ODD[config["kind"]]
    yield {"loss": value, "z": 1j, 7: 0.5}
    yield {"loss": value, "z": 2j, 7: 0.5}

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

def ending(config):
    if config["kind"] == "ending 1":
        yield {"loss": 1.0}
        sys.exit()
    if config["kind"] == "ending 2":
        sys.exit("no data")
    raise ValueError("no caf\\udce9.csv")

def any_of_them(config):
    if config["kind"] in ODD:
        return odd(config)
    return globals()[config["kind"].split()[0]](config)
"""


ODD = ["complex", "text", "number", "true", "bytes", "infinite", "array", "one", "nested"]
FUNCTIONS = ("colliding", "leaving", "reading", "logging")

ENDINGS = ("ending 1", "ending 2", "ending 3")
"""The last two fail, and their process ends with them."""


class Searched(NamedTuple):
    out: str
    err: str
    trials: dict[str, Path]
    """The folders of the trials by their kinds."""


@pytest.fixture(scope="module")
def searched(
    ray_here: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Searched]:
    """A search of all functions, one trial after the other, so that all use one process."""
    kinds = [*ODD, *(f"{name} {which}" for name in FUNCTIONS for which in (1, 2)), *ENDINGS]
    with user_module(tmp_path_factory.mktemp("odd"), "odd_mine", MODULE) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "value.txt").write_text("0.5")
        status, out, err = search("any_of_them", kinds, "--wandb", "offline", "--max-failures", "0")
        assert status == 1, err
        trials = trial_folders(folder / "here")
        yield Searched(out, err, dict(zip(kinds, trials, strict=True)))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A user's folder, with the module that is searched."""
    with user_module(tmp_path, "odd_mine", MODULE):
        yield tmp_path


def search(
    function: str, values: list[Any], *options: str, metric: str = "loss", **more: Any
) -> tuple[int, str, str]:
    """Search a function; the exit status, standard output and standard error."""
    sweep = {
        "method": "grid",
        "metric": {"name": metric, "goal": "minimize"},
        "parameters": {"kind": {"values": values}},
    }
    Path("s.yaml").write_text(yaml.safe_dump(sweep | more), encoding="utf-8")
    where = ("--name", "here", "--storage-path", ".", "--max-concurrent", "1")
    return shown("s.yaml", "--trainable", f"odd_mine:{function}", *where, *options)


def reports_of(searched: Searched, function: str) -> list[list[dict[str, Any]]]:
    """The reports of each trial of a function."""
    return [reports(searched.trials[f"{function} {which}"]) for which in (1, 2)]


def test_nothing_that_a_trial_reports_ends_the_search(searched: Searched) -> None:
    found = {kind: reports(searched.trials[kind])[-1] for kind in ODD}
    assert found["complex"]["loss"] == "(1+2j)"
    assert found["array"]["loss"] == [0, 1, 2]
    assert found["one"]["loss"] == 0.5
    assert found["true"]["z"] == "2j"
    assert found["true"]["7"] == 0.5
    assert "Best configuration: trial 3" in searched.out
    assert "loss 0.25" in searched.out
    lines = searched.err.splitlines()
    assert lines.count("trial 1 reports loss as text: '(1+2j)'") == 1
    assert sum(" reports loss as " in line for line in lines) == 1, "once for each name"
    assert sum(" reports z as text: '1j'" in line for line in lines) == 1
    diverged = [line for line in lines if "diverged" in line]
    assert len(diverged) == 1
    assert diverged[0].startswith("trial 6 ")
    here = searched.trials["text"].parent
    runs = {run.config["kind"]: run for run in read_runs(here)}
    assert runs.keys() == searched.trials.keys()
    assert runs["complex"].rows()[0]["z"] == "1j"
    status, _, err = shown("--resume", str(here))
    assert status == 1, err


def test_a_function_that_exits_ends_its_own_trial_alone(searched: Searched) -> None:
    numbers = {kind: place for place, kind in enumerate(searched.trials, start=1)}
    ended = {
        kind: re.search(rf"^trial {numbers[kind]} (\w+) after epoch (\d)", searched.err, re.M)
        for kind in ENDINGS
    }
    assert {kind: found and found.groups() for kind, found in ended.items()} == {
        "ending 1": ("finished", "1"),
        "ending 2": ("failed", "0"),
        "ending 3": ("failed", "0"),
    }
    assert "RuntimeError: the function called sys.exit('no data')" in searched.out
    assert r"ValueError: no caf\udce9.csv" in searched.out


def test_names_that_tune_uses_stay_the_users(searched: Searched) -> None:
    rows = reports_of(searched, "colliding")[0]
    assert [row["training_iteration"] for row in rows] == [1, 2, 3]
    assert [row["done"] for row in rows] == [False, False, False]
    assert {row["user/training_iteration"] for row in rows} == {99}
    assert rows[0]["user/config"] == {"a": 1}
    assert (rows[0]["user/pid"], rows[0]["user/time_total_s"]) == ("mine", "long")


def test_a_trial_that_deletes_its_folder_fails_no_other(searched: Searched) -> None:
    pids = {rows[0]["pid"] for rows in map(reports, searched.trials.values()) if rows}
    assert len(pids) == 1, "they have had one process"


def test_relative_paths_start_where_the_command_was_started(searched: Searched) -> None:
    """Also after a trial that has deleted its folder, and the environment is as it was."""
    (first,), (second,) = reports_of(searched, "reading")
    assert [first["loss"], second["loss"]] == [0.5, 0.5]
    assert [first["left"], second["left"]] == [False, False]


@pytest.mark.usefixtures("folder")
def test_a_directory_that_is_removed_while_the_search_runs_is_told() -> None:
    status, out, err = search("removing", [1], "--wandb", "disabled")
    assert status == 2
    assert "Everything lies in" not in out
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "/here" in last


@pytest.mark.usefixtures("folder")
def test_a_finite_space_is_searched_once_and_then_the_search_ends() -> None:
    """The metric has a name that Tune uses."""
    parameters = {"kind": {"values": [3, 1]}, "a": {"values": [1, 1.0, True]}}
    options = ("--wandb", "disabled", "--num-samples", "9")
    more = {"method": "bayes", "parameters": parameters}
    status, out, err = search("named", [], *options, metric="timestamp", **more)
    assert status == 0, err
    assert "The search has had all 6 configurations that there are." in out
    assert "Resume it" not in out
    texts = [(trial / "params.json").read_text() for trial in trial_folders(Path("here"))]
    assert len(texts) == len(set(texts)) == 6
    assert "timestamp 1" in out
    best = re.search(r"Best configuration: trial (\d)", out)
    assert best
    assert json.loads(texts[int(best[1]) - 1])["kind"] == 1
    status, _, err = shown("--resume", "here", "--num-samples", "20")
    assert "the search is finished, all 6 trials of it, which are all that its space has" in err
    assert status == 0


def test_a_function_may_have_runs_of_its_own_at_wandb(searched: Searched) -> None:
    """W&B's process is held by its module, and serves the next trial too."""
    trials = reports_of(searched, "logging")
    for name in ("big", "no_float"):
        found = [report[name] for trial in trials for report in trial]
        assert len(found) == 3 * len(trials)
        assert all(each.startswith("a whole number of ") for each in found)
    # Ray's own.
    assert not [name for name in trials[0][0] if name.startswith("user/")]
