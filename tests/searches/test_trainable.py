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
from searching import reports, shown, trial_folders

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


@pytest.fixture(scope="module")
def cpus() -> int:
    """Two trials run side by side."""
    return 2


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

def mixed(config):
    kind = config["kind"]
    if kind == "raises":
        raise ValueError("this cannot be\\nand here is why")
    if kind != "silent":
        yield {"loss": 1.0}
    if kind in LATER:
        yield {"loss": LATER[kind]}

LATER = {"diverges": float("nan"), "worsens": 3.0}

def towards(config):
    kind, begun = config["kind"], Path(config["folder"], "begun")
    if kind == "quiet":
        begun.touch()
        time.sleep(600)
    while kind == "winner" and not begun.exists():
        time.sleep(0.01)
    for epoch in range(4):
        yield {"loss": (0.1 if kind == "winner" else 0.9) + 1 / (epoch + 1)}
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


def search(function: str, sweep: dict[str, Any], *options: str) -> Search:
    import wandb

    text = yaml.safe_dump(sweep, sort_keys=False).replace(f"'{TAGGED}'", TAGGED)
    Path("s.yaml").write_text(text, encoding="utf-8")
    command = ["s.yaml", "--trainable", f"mine:{function}", "--name", "here"]
    done = shown(*command, "--storage-path", "results", *options)
    wandb.teardown()
    return Search(*done, Path("results/here").absolute())


LOSS = {"name": "loss", "goal": "minimize"}
TAGGED = "!!str 1e3"
SEARCHED = {"opt": {"parameters": {"lr": {"min": 0.0, "max": 1.0}}}}


@pytest.mark.usefixtures("folder")
def test_a_generator_is_searched_as_a_model_is() -> None:
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
    done = search("epochs", sweep, *options)
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


@pytest.fixture(scope="module")
def mixed(
    ray_here: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Search:
    """A search in which each trial ends in another way."""
    kinds = {"kind": {"values": ["raises", "silent", "worsens", "diverges"]}}
    sweep = {"method": "grid", "metric": LOSS, "parameters": kinds}
    with user_module(tmp_path_factory.mktemp("mixed"), "mine", MODULE):
        return search("mixed", sweep, "--max-failures", "1")


def test_a_trial_counts_with_its_best_value(mixed: Search) -> None:
    """As at W&B, and unlike in Tune, whose default is the last."""
    trial = trial_folders(mixed.directory)[2]
    assert [report["loss"] for report in reports(trial)] == [1.0, 3.0]
    assert re.search(r"Best configuration: trial 3 .*loss 1\b", mixed.out)


def test_a_trial_that_reports_nothing_has_failed(mixed: Search) -> None:
    assert "the function reported nothing; call ray.tune.report(metrics), or yield " in mixed.out
    assert re.search(r"2\s+-\s+0\s+failed\s+silent", mixed.out)
    assert re.search(r"3\s+1\s+2\s+finished\s+worsens", mixed.out)
    # Another try would report nothing either; one that raises is tried again.
    raising, silent = trial_folders(mixed.directory)[:2]
    assert (silent / "error.txt").read_text().count("Failure # ") == 1
    assert (raising / "error.txt").read_text().count("Failure # ") == 2


def test_failed_and_diverged_trials_are_told_and_the_search_goes_on(mixed: Search) -> None:
    assert mixed.status == 1
    assert re.search(
        r"trial 1 failed \(0001_\w+/error.txt\): ValueError: this cannot be$", mixed.out, re.M
    )
    assert "4 trials, the best first, 3 without a value" in mixed.out
    assert re.search(r"4\s+-\s+2\s+diverged\s+diverges", mixed.out)
    assert "Traceback" not in mixed.out + mixed.err
    runs = {run.config["kind"]: run for run in read_runs(mixed.directory)}
    assert {kind: run.summary["trial_status"] for kind, run in runs.items()} == {
        "raises": "failed",
        "silent": "failed",
        "worsens": "finished",
        "diverges": "diverged",
    }
    assert runs["raises"].summary["error"] == "ValueError: this cannot be\nand here is why"
    codes = {kind: run.exit_code for kind, run in runs.items()}
    assert codes == {"raises": 1, "silent": 1, "worsens": 0, "diverges": 0}
    ((title, text, level),) = [alert for run in runs.values() for alert in run.alerts]
    assert (title, level) == ("The search is complete: here", "WARN")
    assert text.startswith("here: 4 trials, 2 of them failed; the best is trial 3: loss 1")


def test_the_search_ends_at_its_target_and_says_so(folder: Path) -> None:
    """Also while another trial has reported nothing yet."""
    kinds = {"kind": {"values": ["full", "quiet", "winner", "late"]}}
    sweep = {
        "method": "grid",
        "metric": LOSS | {"target": 0.6},
        "parameters": {**kinds, "folder": {"value": str(folder)}},
    }
    done = search("towards", sweep, "--max-concurrent", "2")
    assert done.status == 0
    first, quiet, winner = trial_folders(done.directory)
    assert len(reports(first)) == 4
    assert [report["loss"] <= 0.6 for report in reports(winner)] == [False, True]
    assert done.out.startswith("3 trials, the best first"), "no talk of Tune's"
    assert "The search ended because trial 3 reached the target." in done.out
    assert "--resume" not in done.out
    runs = {run.id: run for run in read_runs(done.directory)}
    ended = [runs[trial.name[5:]].summary for trial in (first, winner)]
    assert {summary["trial_status"] for summary in ended} == {"finished"}
    assert not (quiet / "result.json").exists() or not reports(quiet)
    assert ended[1]["reached_target"] is True
    alerts = [alert[0] for run in runs.values() for alert in run.alerts]
    assert alerts == ["The search has reached its target: here"]


@pytest.mark.usefixtures("folder")
def test_without_a_metric_trials_are_listed_in_their_order() -> None:
    sweep = {"method": "random", "run_cap": 2, "parameters": SEARCHED}
    done = search("epochs", sweep, "--wandb", "disabled")
    assert done.status == 0
    assert done.out.splitlines()[0].rstrip() == "2 trials"
    assert "best" not in done.out


@pytest.mark.usefixtures("folder")
def test_several_metrics_have_a_front_instead_of_a_best() -> None:
    sweep = {
        "method": "custom",
        "scheduler": {"engine": "optuna"},
        "metrics": [LOSS, {"name": "size", "goal": "minimize"}],
        "run_cap": 6,
        "parameters": SEARCHED | {"epochs": {"values": [1, 4]}},
    }
    done = search("epochs", sweep, "--wandb", "disabled")
    assert done.status == 0, done.err
    assert "6 trials, those that no other beats first" in done.out
    points = [
        (last["loss"], last["size"])
        for last in (reports(trial)[-1] for trial in trial_folders(done.directory))
    ]
    front = [
        p for p in points if not any(a <= p[0] and b <= p[1] and (a, b) != p for a, b in points)
    ]
    assert f"Pareto front: {len(front)} trials that no other beats in every metric" in done.out
    assert done.out.count("Configuration: trial") == len(front)
