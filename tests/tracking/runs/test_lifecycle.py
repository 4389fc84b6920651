"""What a run tells of its trial's end, and of the search's."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from offline_runs import OfflineRun
from wandb_trials import (
    EPOCHS,
    METRIC,
    FakeOutcomes,
    FakeTrial,
    Folder,
    checkpoint,
    complete,
    fail,
    logged,
    make,
    metrics,
    of_epochs,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)

from pcsearch.pc.checkpoint import MODEL_FILE
from pcsearch.tracking.content import files as artifact_files
from pcsearch.tracking.runs.context import Earlier


def test_a_run_tells_at_which_rung_its_trial_was_stopped(tmp_path: Path) -> None:
    trials = {name: FakeTrial(name) for name in ("stopped", "cut", "winner")}
    outcomes = FakeOutcomes(rungs={"stopped": 2}, cut={"cut"}, winner="winner")
    callback = make(tmp_path, outcomes)
    for trial in trials.values():
        run_trial(callback, trial, [metrics(2)])
    summaries = {run.id: run.summary for run in read_all(tmp_path)}
    assert summaries["stopped"]["trial_status"] == "stopped early by the scheduler"
    assert summaries["stopped"]["stopped_at_rung"] == 2
    assert summaries["cut"]["trial_status"] == "ended: another trial reached the target"
    assert [name for name in trials if "reached_target" in summaries[name]] == ["winner"]
    assert [name for name in trials if "stopped_at_rung" in summaries[name]] == ["stopped"]


@pytest.mark.parametrize(
    ("outcomes", "title", "text", "level"),
    [
        (
            FakeOutcomes(ended=9, failures=2, best={"last": 0.25}),
            "The search is complete: my-search",
            "my-search: 9 trials, 2 of them failed; the best is trial 3: "
            "ValMetrics/Pretext/full_mse 0.25.",
            "WARN",
        ),
        (
            FakeOutcomes(ended=4, winner="last", best={"last": 0.25}),
            "The search has reached its target: my-search",
            "my-search: 4 trials; the best is trial 3: ValMetrics/Pretext/full_mse 0.25.",
            "INFO",
        ),
        (
            FakeOutcomes(ended=9, failures=9),
            "The search failed: my-search",
            "my-search: All of 9 trials failed.",
            "ERROR",
        ),
    ],
)
def test_the_run_that_ends_last_tells_how_the_search_ended(
    outcomes: FakeOutcomes, title: str, text: str, level: str, tmp_path: Path
) -> None:
    ended, outcomes = outcomes.ended, copy.deepcopy(outcomes)
    callback, first, last = make(tmp_path, outcomes), FakeTrial("first"), FakeTrial("last")
    outcomes.ended = ended - 1
    run_trial(callback, first, [metrics(3)])
    outcomes.ended = ended
    run_trial(callback, last, [metrics(3)])
    callback.on_experiment_end(trials=[first, last])
    callback.settle()
    assert {run.id: run.alerts for run in read_all(tmp_path)} == {
        "first": [],
        "last": [(title, text, level)],
    }


def test_the_end_of_a_search_is_told_once(tmp_path: Path) -> None:
    over = Earlier(frozenset({"a"}), over=True)
    callback, trial = make(tmp_path, FakeOutcomes(ended=9), earlier=over), FakeTrial("a")
    run_trial(callback, trial, [metrics(3)])
    callback.on_experiment_end(trials=[trial])
    callback.settle()
    assert read_one(tmp_path).alerts == []


def test_an_error_that_ends_the_search_is_told_on_a_run_that_is_open(tmp_path: Path) -> None:
    callback, trial = make(tmp_path, name="g" * 90), FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    callback.close(RuntimeError("the searcher broke\nin many lines"))
    callback.settle()
    run = read_one(tmp_path)
    ((title, text, level),) = run.alerts
    assert title == ("The search failed: " + "g" * 90)[:63]
    assert (text, level) == (f"{'g' * 90}: RuntimeError: the searcher broke", "ERROR")
    assert (run.exit_code, run.summary["trial_status"]) == (1, "interrupted")


def test_the_best_checkpoint_of_each_trial_and_of_the_search_are_artifacts(tmp_path: Path) -> None:
    outcomes = FakeOutcomes(best={"a": 0.5, "b": 0.9, "c": 0.1})
    callback = make(tmp_path, outcomes, artifacts="best")
    files = {
        "a": ["state.pt", "model.pt", ".metadata.json"],
        "b": ["state.pt", ".metadata.json"],
        "c": ["weights/one.bin", "epoch"],
        "none": [],
    }
    for name, kept in files.items():
        found = checkpoint(tmp_path / name, *kept) if kept else None
        run_trial(callback, FakeTrial(name, checkpoint=found), [metrics(3)])
    logged_by = {run.id: models(run) for run in read_all(tmp_path)}
    assert callback.problems == []
    shown = {
        run: [(a.name, a.type, sorted(a.aliases), paths(a)) for a in artifacts]
        for run, artifacts in logged_by.items()
    }
    model, others = ["model.pt"], ["epoch", "weights/one.bin"]
    assert shown == {
        "a": [
            ("my-search-a", "checkpoint", ["latest"], model),
            ("my-search-best", "model", ["best", "latest"], model),
        ],
        "b": [("my-search-b", "checkpoint", ["latest"], ["state.pt"])],
        "c": [
            ("my-search-c", "checkpoint", ["latest"], others),
            ("my-search-best", "model", ["best", "latest"], others),
        ],
        "none": [],
    }
    best = logged_by["c"][1]
    assert json.loads(best.metadata)[METRIC.name] == 0.1
    local = [Path(entry.local_path) for entry in best.manifest.contents]
    assert all(file.is_relative_to(tmp_path / "c") for file in local), "no copy in W&B's cache"


def models(run: OfflineRun) -> list[Any]:
    """The artifacts besides the tables of the charts, which W&B makes artifacts of itself."""
    return [artifact for artifact in run.artifacts if artifact.type != "run_table"]


def paths(artifact: Any) -> list[str]:
    return sorted(entry.path for entry in artifact.manifest.contents)


def test_no_artifacts_are_made_unless_asked_for(tmp_path: Path) -> None:
    found = checkpoint(tmp_path / "trial", "model.pt")
    run_trial(make(tmp_path), FakeTrial(checkpoint=found), [metrics(3)])
    assert models(read_one(tmp_path)) == []


def test_a_checkpoint_that_is_elsewhere_costs_only_its_artifact(tmp_path: Path) -> None:
    callback = make(tmp_path, artifacts="best")
    run_trial(callback, FakeTrial(checkpoint=Folder("/no/such/folder")), [metrics(3)])
    assert read_one(tmp_path).exit_code == 0
    assert callback.problems == [
        "W&B: an artifact was lost: /no/such/folder is not on this machine"
    ]


def test_the_name_of_a_model_is_that_of_checkpoints() -> None:
    assert artifact_files.MODEL_FILE == MODEL_FILE


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (metrics(EPOCHS), "finished"),
        (metrics(2), "stopped early by the scheduler"),
        (metrics(2, early_stop_reason="NaN"), "diverged"),
    ],
)
def test_a_run_tells_how_its_trial_ended(last: dict[str, Any], status: str, tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(1), last])
    run = read_one(tmp_path)
    assert run.summary["trial_status"] == status
    assert run.exit_code == 0


def test_a_failed_trial_fails_its_run(tmp_path: Path) -> None:
    trial = FakeTrial()
    callback = make(tmp_path, FakeOutcomes(errors={trial.trial_id: "ValueError: no\nand why"}))
    start(callback, trial)
    report(callback, trial, metrics(1))
    fail(callback, trial)
    run = read_one(tmp_path)
    assert run.exit_code == 1
    assert run.summary["trial_status"] == "failed"
    assert run.summary["error"] == "ValueError: no\nand why"
    assert run.summary["early_stop_reason"] == "None"
    assert of_epochs(run) == [logged(metrics(1))]


def test_metrics_that_are_called_as_what_a_run_tells_of_its_trial_stay_beside_it(
    tmp_path: Path,
) -> None:
    trial = FakeTrial()
    callback = make(tmp_path, FakeOutcomes(errors={trial.trial_id: "RuntimeError: out of luck"}))
    start(callback, trial)
    report(callback, trial, metrics(1, trial_status="mine", error=0.25))
    fail(callback, trial)
    summary = read_one(tmp_path).summary
    assert (summary["trial_status"], summary["error"]) == ("mine", 0.25)
    assert summary["pcsearch/trial_status"] == "failed"
    assert summary["pcsearch/error"] == "RuntimeError: out of luck"


def test_a_trial_that_never_started_has_a_failed_run(tmp_path: Path) -> None:
    callback = make(tmp_path)
    fail(callback, FakeTrial())
    run = read_one(tmp_path)
    assert (run.exit_code, run.summary["trial_status"]) == (1, "failed")
    assert of_epochs(run) == []


def test_a_trial_that_is_dropped_before_it_starts_has_no_run(tmp_path: Path) -> None:
    callback = make(tmp_path)
    complete(callback, FakeTrial())
    assert read_all(tmp_path) == []


def test_the_end_of_the_search_finishes_the_runs_that_are_open(tmp_path: Path) -> None:
    callback, trial, other = make(tmp_path), FakeTrial("open"), FakeTrial("never_started")
    start(callback, trial)
    report(callback, trial, metrics(1))
    callback.on_experiment_end(trials=[trial, other])
    callback.settle()
    run = read_one(tmp_path)
    assert run.exit_code == 1
    assert run.summary["trial_status"] == "interrupted"
    assert [row["_step"] for row in run.history] == [1]
