"""Searches of a user's own function: the same searcher, scheduler, files and W&B runs."""

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
from searching import reports, trial_folders

from pcsearch.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = """
import time
from pathlib import Path
from typing import TypedDict

class Values(TypedDict):
    layers: int

def epochs(config: Values):
    read = repr([config.get(name) for name in ("size", "layers", "tag")])
    for epoch in range(config.get("epochs", 4)):
        loss = config["opt"]["lr"] + 1 / (epoch + 1)
        yield {"loss": loss, "size": 1 - config["opt"]["lr"], "phase": "warm", "read": read}

def reporting(config):
    from ray import tune
    for epoch in range(3):
        tune.report({"loss": config["opt"]["lr"] - epoch})

def failing(config):
    if config["kind"] == "bad":
        raise ValueError("this cannot be\\nand here is why")
    yield {"loss": 1.0}

def silent(config):
    if config["kind"] == "good":
        yield {"loss": 1.0}

def quiet(config):
    begun, over = (Path(config["folder"], name) for name in ("begun", "over"))
    mine, other = (begun, over) if config["kind"] == "bad" else (over, begun)
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    if config["kind"] == "bad":
        time.sleep(120)
    yield {"loss": 0.0}

def diverging(config):
    yield {"loss": 1.0}
    if config["kind"] == "bad":
        yield {"loss": float("nan")}
"""


class Search(NamedTuple):
    status: int
    out: str
    err: str
    directory: Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A user's folder, with the module that is searched."""
    with user_module(tmp_path, "mine", MODULE):
        yield tmp_path


def search(
    function: str, sweep: dict[str, Any], *options: str, capfd: pytest.CaptureFixture[str]
) -> Search:
    import wandb

    text = yaml.safe_dump(sweep, sort_keys=False).replace(f"'{TAGGED}'", TAGGED)
    Path("s.yaml").write_text(text, encoding="utf-8")
    command = ["s.yaml", "--trainable", f"mine:{function}", "--name", "here"]
    status = main([*command, "--storage-path", "results", *options])
    wandb.teardown()
    out, err = capfd.readouterr()
    return Search(status, out, err, Path("results/here").absolute())


LOSS = {"name": "loss", "goal": "minimize"}
TAGGED = "!!str 1e3"
SEARCHED = {"opt": {"parameters": {"lr": {"min": 0.0, "max": 1.0}}}}


@pytest.mark.usefixtures("folder")
def test_a_generator_is_searched_as_a_model_is(capfd: pytest.CaptureFixture[str]) -> None:
    sweep = {
        "method": "bayes",
        "metric": LOSS,
        "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2},
        "run_cap": 8,
        # The last epoch is no rung: a trial that is stopped has fewer.
        "parameters": SEARCHED
        | {"kind": {"values": [["a", 1], None]}, "epochs": {"value": 5}}
        | {name: {"distribution": "q_uniform", "min": 7, "max": 7} for name in ("size", "layers")}
        | {"tag": {"value": TAGGED}},
    }
    # One after another: the same trials stop every time.
    options = ("--seed", "2", "--max-concurrent", "1")
    done = search("epochs", sweep, *options, capfd=capfd)
    assert done.status == 0, done.err
    trials = trial_folders(done.directory)
    runs = {run.id: run for run in read_runs(done.directory)}
    assert len(trials) == len(runs) == 8
    lengths = []
    for trial in trials:
        run, kept = runs[trial.name[5:]], reports(trial)
        values = json.loads((trial / "params.json").read_text(encoding="utf-8"))
        assert values.items() <= run.config.items()
        assert run.config["searched"] == ["opt.lr", "kind", "size", "layers"]
        assert sorted(run.tags) == ["asha", "bayes", "optuna", "sampler:auto"]
        assert values["kind"] in (["a", 1], None)
        assert [report["loss"] for report in kept] == [row["loss"] for row in run.rows()]
        assert {row["phase"] for row in run.rows()} == {"warm"}
        # As at W&B; an int where the function says so; and text where the file says so.
        assert {row["read"] for row in run.rows()} == {"[7.0, 7, '1e3']"}
        for config in (values, run.config):
            assert repr([config[key] for key in ("size", "layers", "tag")]) == "[7.0, 7, '1e3']"
        assert run.summary["loss"] == min(report["loss"] for report in kept)
        assert [row["_step"] for row in run.history] == list(range(1, len(kept) + 1))
        stopped = run.summary["trial_status"] == "stopped early by the scheduler"
        assert stopped == (len(kept) < 5)
        assert run.summary.get("stopped_at_epoch") == (len(kept) if stopped else None)
        lengths.append(len(kept))
    assert 5 in lengths
    assert min(lengths) < 5
    assert "opt.lr" in done.out
    best = yaml.safe_load(done.out[done.out.index("opt:") : done.out.index("Everything lies")])
    winner = min(trials, key=lambda trial: reports(trial)[-1]["loss"])
    assert best == json.loads((winner / "params.json").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("folder")
def test_a_trial_counts_with_its_best_value(capfd: pytest.CaptureFixture[str]) -> None:
    """As at W&B, and unlike in Tune, whose default is the last."""
    metric = {"name": "loss", "goal": "maximize"}
    sweep = {"method": "random", "metric": metric, "run_cap": 1, "parameters": SEARCHED}
    done = search("reporting", sweep, "--wandb", "disabled", capfd=capfd)
    (trial,) = trial_folders(done.directory)
    losses = [report["loss"] for report in reports(trial)]
    assert losses[0] > losses[-1]
    assert f"loss {losses[0]:.4g}" in done.out


@pytest.mark.usefixtures("folder")
def test_the_search_ends_at_its_target_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    sweep = {
        "method": "grid",
        "metric": LOSS | {"target": 0.6},
        "parameters": {"opt": {"parameters": {"lr": {"values": [0.9, 0.1, 0.8, 0.7]}}}},
    }
    done = search("epochs", sweep, "--max-concurrent", "1", capfd=capfd)
    assert done.status == 0
    first, second = trial_folders(done.directory)
    assert len(reports(first)) == 4
    assert [report["loss"] <= 0.6 for report in reports(second)] == [False, True]
    assert "The search ended because trial 2 reached the target." in done.out
    assert "--resume" not in done.out
    runs = {run.id: run for run in read_runs(done.directory)}
    assert {run.summary["trial_status"] for run in runs.values()} == {"finished"}
    winner = runs[second.name[5:]]
    assert winner.summary["reached_target"] is True
    assert [alert[0] for alert in winner.alerts] == ["The search has reached its target: here"]


@pytest.mark.usefixtures("folder")
def test_a_trial_that_reports_nothing_has_failed(capfd: pytest.CaptureFixture[str]) -> None:
    parameters = {"kind": {"values": ["bad", "good"]}}
    sweep = {"method": "grid", "metric": LOSS, "parameters": parameters}
    done = search("silent", sweep, "--wandb", "disabled", capfd=capfd)
    assert done.status == 1
    assert "the function reported nothing; call ray.tune.report(metrics), or yield " in done.out
    assert re.search(r"1\s+-\s+0\s+failed\s+bad", done.out)
    assert re.search(r"2\s+1\s+1\s+finished\s+good", done.out)
    (first, _) = trial_folders(done.directory)
    # Another try would report nothing either.
    assert (first / "error.txt").read_text().count("Failure # ") == 1


@pytest.mark.usefixtures("folder")
def test_a_trial_that_the_target_ends_before_its_first_report_is_no_talk_of_tunes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = {"kind": {"values": ["bad", "good"]}, "folder": {"value": str(tmp_path)}}
    sweep = {"method": "grid", "metric": LOSS | {"target": 0.5}, "parameters": parameters}
    done = search("quiet", sweep, "--wandb", "disabled", capfd=capfd)
    assert done.status == 0
    assert "The search ended because trial 2 reached the target." in done.out
    assert done.out.startswith("2 trials, the best first")


@pytest.mark.usefixtures("folder")
def test_failed_and_diverged_trials_are_told_and_the_search_goes_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sweep = {
        "method": "grid",
        "metric": LOSS,
        "parameters": {"kind": {"values": ["bad", "good"]}},
    }
    done = search("failing", sweep, capfd=capfd)
    assert done.status == 1
    assert re.search(
        r"trial 1 failed \(0001_\w+/error.txt\): ValueError: this cannot be$", done.out, re.M
    )
    assert "Best configuration: trial 2" in done.out
    assert "Traceback" not in done.out + done.err
    runs = {run.summary["trial_status"]: run for run in read_runs(done.directory)}
    assert runs.keys() == {"failed", "finished"}
    assert runs["failed"].summary["error"] == "ValueError: this cannot be\nand here is why"
    assert (runs["failed"].exit_code, runs["finished"].exit_code) == (1, 0)
    ((title, text, level),) = [alert for run in runs.values() for alert in run.alerts]
    assert (title, level) == ("The search is complete: here", "WARN")
    assert text.startswith("here: 2 trials, 1 of them failed; the best is trial 2: loss 1")
    assert main(["s.yaml", "--trainable", "mine:diverging", "--wandb", "disabled"]) == 0
    out = capfd.readouterr().out
    assert "2 trials, the best first, 1 without a value" in out
    assert re.search(r"1\s+-\s+2\s+diverged\s+bad", out)


@pytest.mark.usefixtures("folder")
def test_without_a_metric_trials_are_listed_in_their_order(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sweep = {"method": "random", "run_cap": 2, "parameters": SEARCHED}
    done = search("epochs", sweep, "--wandb", "disabled", capfd=capfd)
    assert done.status == 0
    assert done.out.splitlines()[0].rstrip() == "2 trials"
    assert "best" not in done.out


@pytest.mark.usefixtures("folder")
def test_a_metric_that_nobody_reports_is_told_with_what_there_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    metric = {"name": "los", "goal": "minimize"}
    sweep = {"method": "random", "metric": metric, "run_cap": 1, "parameters": SEARCHED}
    done = search("epochs", sweep, "--wandb", "disabled", capfd=capfd)
    assert done.status == 0
    assert "No trial reports 'los'; did you mean 'loss'?" in done.out


@pytest.mark.usefixtures("folder")
def test_several_metrics_have_a_front_instead_of_a_best(capfd: pytest.CaptureFixture[str]) -> None:
    sweep = {
        "method": "custom",
        "scheduler": {"engine": "optuna"},
        "metrics": [LOSS, {"name": "size", "goal": "minimize"}],
        "run_cap": 12,
        "parameters": SEARCHED | {"epochs": {"values": [1, 4]}},
    }
    done = search("epochs", sweep, "--wandb", "disabled", capfd=capfd)
    assert done.status == 0, done.err
    assert "12 trials, those that no other beats first" in done.out
    points = [
        (last["loss"], last["size"])
        for last in (reports(trial)[-1] for trial in trial_folders(done.directory))
    ]
    front = [
        p for p in points if not any(a <= p[0] and b <= p[1] and (a, b) != p for a, b in points)
    ]
    assert f"Pareto front: {len(front)} trials that no other beats in every metric" in done.out
    assert done.out.count("Configuration: trial") == len(front)
