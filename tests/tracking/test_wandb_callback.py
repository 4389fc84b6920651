from __future__ import annotations

import copy
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import wandb
from offline_runs import OfflineRun, cut_after, is_nan, read_runs
from PIL import Image
from ray import tune
from wandb.errors import CommError

from pcsearch.engine.pc_transformer import PCTransformer
from pcsearch.engine.results import Status, TrialResult
from pcsearch.pc.checkpoint import MODEL_FILE
from pcsearch.pc.config import ModelConfig
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking import artifacts, keeper, segments
from pcsearch.tracking.search import Earlier, Search
from pcsearch.tracking.wandb_callback import WandbCallback
from pcsearch.tracking.wandb_runs import Home

EPOCHS = 3
MEDIA = ("reconstructions_images", "reconstructions_video")
VALUES = {"epochs": EPOCHS, "peak_lr_weights": 0.002, "num_blocks": 0}


@dataclass
class FakeTrial:
    """What the callback reads of a trial of Tune."""

    trial_id: str = "ab12c_00003"
    config: dict[str, Any] = field(default_factory=lambda: dict(VALUES))
    experiment_tag: str = "3_peak_lr_weights=0.0020"
    custom_dirname: str | None = None
    local_path: str | None = None
    path: str | None = None
    last_result: dict[str, Any] = field(default_factory=dict)
    stopping_criterion: dict[str, float] = field(default_factory=dict)
    status: str = "RUNNING"
    checkpoint: Any = None


def metrics(epoch: int, **others: Any) -> dict[str, Any]:
    """An epoch's report, under the names of the model's metrics."""
    return {
        "epoch": epoch,
        "Losses/train_mse_avg": 1 / epoch,
        "Losses/train_w_energy_avg": 10.0 + epoch,
        "ValMetrics/Pretext/full_mse": 0.5 / epoch if epoch % 2 else None,
        "VodeEnergy/vode_1": 0.1 * epoch,
        "VodeEnergy/vode_2": 0.2 * epoch,
        "VodeGradNorm/vode_0": 0.3 * epoch,
        "best_val_mse": 0.5,
        "best_train_mse": 1 / epoch,
        "best_probe_accuracy": None,
        "final_train_mse": 1 / epoch,
        "early_stop_reason": None,
    } | others


def logged(report: dict[str, Any]) -> dict[str, Any]:
    """The row of a report: its numbers and strings."""
    return {k: v for k, v in report.items() if v is not None and k not in MEDIA}


def bookkeeping(epoch: int) -> dict[str, Any]:
    """What Tune adds to a report."""
    return {
        "timestamp": 1700000000,
        "date": "2025-01-01_00-00-00",
        "pid": 1234,
        "hostname": "host",
        "node_ip": "127.0.0.1",
        "trial_id": "ab12c_00003",
        "done": False,
        "training_iteration": epoch,
        "time_this_iter_s": 0.1,
        "time_total_s": 0.1 * epoch,
        "time_since_restore": 0.1 * epoch,
        "iterations_since_restore": epoch,
        "config": dict(VALUES),
        "checkpoint_dir_name": "checkpoint_000001",
        "experiment_tag": "3",
        "should_checkpoint": True,
    }


METRIC = Metric("ValMetrics/Pretext/full_mse", "minimize")


@dataclass
class FakeOutcomes:
    """What a record tells of trials of EPOCHS epochs."""

    ended: int = 0
    failures: int = 0
    winner: str | None = None
    rungs: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)

    def epoch(self, report: Any) -> int:
        return int(report.get("epoch") or report["training_iteration"])

    def best_values(self, trial: Any) -> tuple[float | None, ...]:
        best = self.best.get(trial.trial_id)
        return () if best is None else (best,)

    def rung(self, trial: Any) -> int | None:
        return self.rungs.get(trial.trial_id)

    def ended_by_target(self, trial: Any) -> bool:
        return trial.trial_id in self.cut

    def error(self, trial: Any) -> str:
        return self.errors.get(trial.trial_id, "")

    def result(self, trial: Any) -> TrialResult:
        values = self.best_values(trial) or (None,)
        return TrialResult(3, trial.trial_id, "", trial.config, self.status(trial), 1, values, 0.0)

    def status(self, trial: Any) -> Status:
        last = trial.last_result
        if trial.status == "ERROR":
            return "failed"
        if last.get("early_stop_reason") == "NaN":
            return "diverged"
        stopped = last.get("early_stop_reason") is None and last.get("epoch", 0) < EPOCHS
        return "stopped" if stopped else "finished"


def make(directory: Path, outcomes: FakeOutcomes | None = None, **arguments: Any) -> WandbCallback:
    """A callback; the arguments are those of `Home` and `Search`, and the mode."""
    home: dict[str, Any] = {"project": "pc", "entity": None, "group": "my-search"}
    search: dict[str, Any] = {
        "metrics": [METRIC],
        "searched": ["peak_lr_weights"],
        "trials": 9,
        "effective_config": PCTransformer().effective_config,
    }
    mode = arguments.pop("mode", "offline")
    left: Earlier = arguments.pop("earlier", Earlier())
    known = {each.name for each in fields(Home)}
    for name, value in arguments.items():
        (home if name in known else search)[name] = value
    home["directory"] = directory
    tracked = dict(left.tracked)
    earlier = replace(left, tracked=tracked, note=tracked.__setitem__)
    made = WandbCallback(Home(**home), mode, outcomes or FakeOutcomes(), Search(**search), earlier)
    made.tracked = tracked  # type: ignore[attr-defined]
    return made


def left(callback: WandbCallback, *trials: FakeTrial) -> Earlier:
    """What a session has left so far, whose trials these are."""
    tracked: dict[str, int] = callback.tracked  # type: ignore[attr-defined]
    return Earlier(frozenset(trial.trial_id for trial in trials), dict(tracked))


def start(callback: WandbCallback, trial: FakeTrial) -> None:
    callback.on_trial_start(iteration=0, trials=[trial], trial=trial)
    callback.settle()


def report(callback: WandbCallback, trial: FakeTrial, result: dict[str, Any]) -> None:
    result = result | bookkeeping(result["epoch"])
    callback.on_trial_result(iteration=0, trials=[trial], trial=trial, result=result)
    trial.last_result = result


def complete(callback: WandbCallback, trial: FakeTrial) -> None:
    callback.on_trial_complete(iteration=0, trials=[trial], trial=trial)
    callback.settle()


def fail(callback: WandbCallback, trial: FakeTrial) -> None:
    trial.status = "ERROR"
    callback.on_trial_error(iteration=0, trials=[], trial=trial)
    callback.settle()


def run_trial(
    callback: WandbCallback, trial: FakeTrial, reports: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A trial from start to end; what it reported."""
    start(callback, trial)
    for result in reports:
        report(callback, trial, result)
    complete(callback, trial)
    return reports


def pickled(value: Any) -> Any:
    """The value as another process gets it."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301


def read_all(directory: Path) -> list[OfflineRun]:
    """The sessions of a directory; W&B's process writes on for a moment after each has ended."""
    wandb.teardown()
    return read_runs(directory)


def read_one(directory: Path) -> OfflineRun:
    (run,) = read_all(directory)
    return run


def of_epochs(run: OfflineRun) -> list[dict[str, Any]]:
    """The rows of the reports: without the charts that come after the last."""
    return [row for row in run.rows() if "epoch" in row]


def test_a_run_carries_the_trials_id_group_name_and_whole_configuration(tmp_path: Path) -> None:
    callback = make(tmp_path, entity="team", tags=["first", "second"], notes="a note")
    run_trial(callback, FakeTrial(), [metrics(1)])
    run = read_one(tmp_path)
    assert (run.id, run.name, run.group) == ("ab12c_00003", "trial-0003", "my-search")
    assert (run.project, run.entity, run.job_type) == ("pc", "team", "trial")
    assert (run.tags, run.notes) == (["first", "second"], "a note")
    config = {name: value for name, value in run.config.items() if not name.startswith("_")}
    assert config == ModelConfig(**VALUES).model_dump(mode="json") | {
        "searched": ["peak_lr_weights"],
        "experiment_dir": str(tmp_path),
        "node": "host (127.0.0.1)",
    }
    assert callback.problems == []


@pytest.mark.parametrize(
    ("trial", "prefix", "name"),
    [
        (FakeTrial(experiment_tag="12_seed=1"), None, "trial-0012"),
        (FakeTrial(experiment_tag="12_seed=1"), "digits", "digits-trial-0012"),
        (FakeTrial(custom_dirname="trial-0012-fast"), None, "trial-0012-fast"),
        (FakeTrial(experiment_tag=""), None, "ab12c_00003"),
    ],
)
def test_a_runs_name_is_that_of_the_directory_or_the_trials_number(
    trial: FakeTrial, prefix: str | None, name: str, tmp_path: Path
) -> None:
    run_trial(make(tmp_path, name=prefix), trial, [metrics(1)])
    assert read_one(tmp_path).name == name


def test_the_history_is_what_was_reported_with_the_epoch_as_step(tmp_path: Path) -> None:
    reports = run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    run = read_one(tmp_path)
    assert of_epochs(run) == [logged(result) for result in reports]
    assert [row["_step"] for row in run.history if "epoch" in row] == [1, 2, 3]


def test_a_row_is_on_disk_before_the_next_epoch_ends(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    assert poll(lambda: read_runs(tmp_path)[0].history)
    (run,) = read_runs(tmp_path)
    assert of_epochs(run) == [logged(metrics(1))]
    complete(callback, trial)


def test_strings_and_nested_reports_arrive_under_the_names_that_a_sweep_uses(
    tmp_path: Path,
) -> None:
    result = {"epoch": 1, "phase": "warm", "val": {"loss": np.float32(0.5), "top": {"1": True}}}
    run_trial(make(tmp_path), FakeTrial(), [result])
    (row,) = of_epochs(read_one(tmp_path))
    assert row == {"epoch": 1, "phase": "warm", "val/loss": 0.5, "val/top/1": True}


def test_nan_and_infinity_arrive_as_they_are(tmp_path: Path) -> None:
    result = metrics(1, **{"Losses/train_mse_avg": math.nan, "best_train_mse": math.inf})
    run_trial(make(tmp_path), FakeTrial(), [result])
    (row,) = of_epochs(read_one(tmp_path))
    assert is_nan(row["Losses/train_mse_avg"])
    assert row["best_train_mse"] == math.inf


def test_the_summary_has_the_five_values_of_the_last_report(tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    summary = read_one(tmp_path).summary
    assert summary["best_val_mse"] == 0.5
    assert summary["best_train_mse"] == summary["final_train_mse"] == pytest.approx(1 / 3)
    assert summary["best_probe_accuracy"] is None
    assert summary["early_stop_reason"] == "None"


def test_the_reason_of_an_early_stop_is_text_in_the_summary(tmp_path: Path) -> None:
    reports = [metrics(1), metrics(2, early_stop_reason="ValidationMetric")]
    run_trial(make(tmp_path), FakeTrial(), reports)
    run = read_one(tmp_path)
    assert run.summary["early_stop_reason"] == "ValidationMetric"
    assert run.summary["trial_status"] == "finished"
    assert run.exit_code == 0


def test_the_search_metric_is_a_number_in_the_summary_and_the_best_of_the_run(
    tmp_path: Path,
) -> None:
    """W&B's own min and max would begin anew in a resumed run, and are no number to sort by."""
    outcomes, trial = FakeOutcomes(), FakeTrial()
    callback = make(tmp_path, outcomes)
    start(callback, trial)
    for epoch, value, best in ((1, 0.4, 0.4), (2, 0.2, 0.2), (3, 0.3, 0.2)):
        outcomes.best[trial.trial_id] = best
        report(callback, trial, metrics(epoch, **{METRIC.name: value}))
    callback.settle()
    assert poll(lambda: read_runs(tmp_path)[0].summary.get(METRIC.name) == 0.2), "while it runs"
    complete(callback, trial)
    run = read_one(tmp_path)
    assert [row[METRIC.name] for row in of_epochs(run)] == [0.4, 0.2, 0.3]
    assert run.summary[METRIC.name] == 0.2
    assert run.summary["Losses/train_w_energy_avg"] == 13.0, "of others, the last"


def poll(condition: Any, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


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
    callback, trial = make(tmp_path, group="g" * 90), FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    callback.close(RuntimeError("the searcher broke\nin many lines"))
    callback.settle()
    run = read_one(tmp_path)
    ((title, text, level),) = run.alerts
    assert title == ("The search failed: " + "g" * 90)[:63]
    assert (text, level) == (f"{'g' * 90}: RuntimeError: the searcher broke", "ERROR")
    assert (run.exit_code, run.summary["trial_status"]) == (1, "interrupted")


@dataclass
class Folder:
    path: str


def checkpoint(folder: Path, *names: str) -> Folder:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return Folder(str(folder))


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
    assert artifacts.MODEL_FILE == MODEL_FILE


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


def test_epochs_that_are_done_again_are_sent_once(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    callback.on_trial_recover(iteration=0, trials=[], trial=trial)
    run_trial(callback, trial, [metrics(2), metrics(3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [1, 2, 3]


def test_a_run_that_the_server_has_in_part_gets_only_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server tells the first step that it lacks; offline there is nobody to tell it.
    monkeypatch.setattr(wandb.Run, "starting_step", 3)
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (2, 3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [3]


def part(directory: Path, killed_after: int | None = None) -> None:
    """Name the only part of the run: parts are told apart by the second in which they start.

    Args:
        directory: of the experiment.
        killed_after: how many rows have reached the file when the driver is killed.
    """
    wandb.teardown()
    (only,) = (directory / "wandb").glob("offline-run-*")
    only = only.rename(only.with_name("offline-run-20250101_000001-ab12c_00003"))
    if killed_after is not None:
        (file,) = only.glob("*.wandb")
        cut_after(file, killed_after)


def keep_reports(folder: Path, epochs: range, torn: str = "") -> None:
    """Tune's file of a trial's reports."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(metrics(epoch) | bookkeeping(epoch)) + "\n" for epoch in epochs]
    (folder / "result.json").write_text("".join(lines) + torn)


def test_fifty_runs_are_open_at_once_in_one_process(tmp_path: Path) -> None:
    callback, trials = make(tmp_path), [FakeTrial(f"t{i:02d}") for i in range(50)]
    for trial in trials:
        callback.on_trial_start(iteration=0, trials=trials, trial=trial)
    for epoch in range(1, EPOCHS + 1):
        for trial in trials:
            report(callback, trial, metrics(epoch))
    for trial in trials:
        callback.on_trial_complete(iteration=0, trials=trials, trial=trial)
    callback.on_experiment_end(trials=trials)
    callback.settle()
    assert callback.problems == []
    runs = read_all(tmp_path)
    assert sorted(run.id for run in runs) == [trial.trial_id for trial in trials]
    for run in runs:
        assert [row["epoch"] for row in of_epochs(run)] == list(range(1, EPOCHS + 1))


def test_a_restored_search_goes_on_with_the_same_run_in_a_second_part(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    keep_reports(tmp_path / "trial", range(1, 3))
    callback.on_experiment_end(trials=[trial])
    callback.settle()
    assert left(callback).tracked == {trial.trial_id: 2}
    part(tmp_path)

    restored = make(tmp_path, earlier=left(callback, trial))
    # The second epoch is done again.
    run_trial(restored, trial, [metrics(2), metrics(3)])
    earlier, later = read_all(tmp_path)
    assert earlier.id == later.id
    assert [row["epoch"] for row in of_epochs(earlier) + of_epochs(later)] == [1, 2, 3]
    lines = chart(later, "Summary/VodeEnergy_Trends")
    assert [epoch for epoch, name, _ in lines if name == "vode_1"] == [1, 2, 3]


def test_what_a_killed_driver_lost_of_a_run_comes_from_the_trials_own_file(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2, 3):
        report(callback, trial, metrics(epoch))
    callback.settle()
    assert left(callback).tracked == {}
    keep_reports(tmp_path / "trial", range(1, 4), torn='{"epoch": 4, "Loss')
    part(tmp_path, killed_after=1)

    restored = make(tmp_path, earlier=left(callback, trial))
    run_trial(restored, trial, [metrics(4)])
    earlier, later = read_all(tmp_path)
    assert (earlier.exit_code, later.exit_code) == (None, 0)
    assert of_epochs(earlier) == [logged(metrics(1))]
    assert of_epochs(later) == [logged(metrics(epoch)) for epoch in (2, 3, 4)]
    assert [row["_step"] for row in later.history] == [2, 3, 4, 5]
    lines = chart(later, "Summary/VodeEnergy_Trends")
    assert [epoch for epoch, name, _ in lines if name == "vode_1"] == [1, 2, 3, 4]


def test_a_trial_that_ended_just_before_the_driver_was_killed_has_a_whole_run(
    tmp_path: Path,
) -> None:
    callback = make(tmp_path)
    lost, whole = FakeTrial(path=str(tmp_path / "trial")), FakeTrial("whole")
    start(callback, lost)
    for epoch in (1, 2, 3):
        report(callback, lost, metrics(epoch))
    callback.settle()
    keep_reports(tmp_path / "trial", range(1, 4))
    part(tmp_path, killed_after=1)
    run_trial(callback, whole, [metrics(3)])
    lost.status = whole.status = "TERMINATED"
    lost.last_result = metrics(3)

    restored = make(tmp_path, earlier=left(callback, lost, whole))
    restored.on_step_begin(iteration=0, trials=[])
    for _ in range(2):
        restored.on_step_begin(iteration=1, trials=[lost, whole, FakeTrial("new")])
    restored.on_experiment_end(trials=[lost, whole])
    restored.settle()
    first, second, third = sorted(read_all(tmp_path), key=lambda run: run.id)
    assert (first.id, second.id, third.id) == ("ab12c_00003", "ab12c_00003", "whole")
    rows = of_epochs(first) + of_epochs(second)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert (second.exit_code, second.summary["trial_status"]) == (0, "finished")
    assert chart(second, "Summary/VodeEnergy_Trends")


def test_a_run_whose_files_are_gone_after_its_upload_is_not_sent_again(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    keep_reports(tmp_path / "trial", range(1, 3))
    ended = FakeTrial("ended", status="TERMINATED")
    run_trial(callback, ended, [metrics(3)])
    callback.on_experiment_end(trials=[trial])
    callback.settle()
    wandb.teardown()
    shutil.rmtree(tmp_path / "wandb")

    restored = make(tmp_path, earlier=left(callback, trial, ended))
    restored.on_step_begin(iteration=1, trials=[trial, ended])
    run_trial(restored, trial, [metrics(3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [3]


def chart(run: OfflineRun, name: str) -> list[list[Any]]:
    """The points of a chart: epoch, vode, value."""
    (row,) = [row for row in run.rows() if f"{name}_table" in row]
    table = row[f"{name}_table"]
    assert table["ncols"] == 3
    file = run.directory / "files" / table["path"]
    data: list[list[Any]] = json.loads(file.read_text())["data"]
    return data


def test_the_vodes_over_the_epochs_are_charts_after_the_last_report(tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    run = read_one(tmp_path)
    assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
    energy = chart(run, "Summary/VodeEnergy_Trends")
    assert energy == [
        [epoch, f"vode_{vode}", pytest.approx(0.1 * vode * epoch)]
        for vode in (1, 2)
        for epoch in (1, 2, 3)
    ]
    norm = chart(run, "Summary/VodeGradNorm_Trends")
    assert norm == [[epoch, "vode_0", pytest.approx(0.3 * epoch)] for epoch in (1, 2, 3)]


def film(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    first, *others = (Image.new("RGB", (48, 48), (shade, 0, 0)) for shade in (0, 90, 180))
    first.save(file, save_all=True, append_images=others, duration=100, loop=0)


def test_the_film_of_an_epoch_is_a_video(tmp_path: Path) -> None:
    film(tmp_path / "trial" / "epoch_0001.gif")
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    run_trial(callback, trial, [metrics(1, reconstructions_video="epoch_0001.gif")])
    run = read_one(tmp_path)
    (row,) = of_epochs(run)
    assert row["reconstructions_video"]["_type"] == "video-file"
    copied = run.directory / "files" / row["reconstructions_video"]["path"]
    assert copied.read_bytes() == (tmp_path / "trial" / "epoch_0001.gif").read_bytes()
    assert callback.problems == []


def test_a_picture_is_logged_where_this_machine_has_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    Image.new("RGB", (4, 2)).save(folder / "epoch_0001.png")
    trial = FakeTrial(path=str(tmp_path / "elsewhere"), local_path=str(folder))
    here = metrics(1, reconstructions_images="epoch_0001.png")
    away = metrics(2, reconstructions_images="epoch_0002.png")
    callback = make(tmp_path)
    run_trial(callback, trial, [here, away])
    run = read_one(tmp_path)
    first, second = of_epochs(run)
    picture = first["reconstructions_images"]
    assert (picture["_type"], picture["width"], picture["height"]) == ("image-file", 4, 2)
    assert (run.directory / "files" / picture["path"]).is_file()
    assert "reconstructions_images" not in second
    assert second["epoch"] == 2
    assert callback.problems == []


def test_a_picture_that_cannot_be_read_costs_only_the_picture(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    trial = FakeTrial(path=str(tmp_path))
    callback = make(tmp_path)
    run_trial(callback, trial, [metrics(1, reconstructions_images="broken.png")])
    assert of_epochs(read_one(tmp_path)) == [logged(metrics(1))]
    (problem,) = callback.problems
    assert "picture" in problem


def test_w_and_b_failing_at_the_start_is_one_problem_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise CommError("the server is on fire\nand more")

    monkeypatch.setattr(wandb, "init", fail)
    callback = make(tmp_path)
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    assert callback.problems == ["W&B: a run was not started: the server is on fire"]


def test_a_run_that_is_not_the_trials_own_is_refused(tmp_path: Path) -> None:
    # As an agent's variable has it, where the process has set up W&B itself.
    wandb.setup(wandb.Settings(silent=True, sweep_id="abc12345"))
    callback = make(tmp_path)
    run_trial(callback, FakeTrial(), [metrics(1)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not started: W&B has made the run ")
    assert "in place of pc/ab12c_00003: check the variables WANDB_..." in problem


def test_after_a_failure_online_runs_are_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wandb.init

    def fail_online(**arguments: Any) -> Any:
        if arguments["mode"] == "online":
            raise CommError("no answer")
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", fail_online)
    monkeypatch.setattr(keeper, "answers", lambda: True)
    callback = make(tmp_path, mode="online")
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1)])
    assert read_one(tmp_path).id == "b"
    (problem,) = callback.problems
    assert "no answer; from now on runs are offline: wandb sync " in problem


@pytest.mark.parametrize(
    ("method", "losses"),
    [
        ("log", ["a report was lost", "the charts of the vodes were lost"]),
        ("finish", ["a run was not written to its end"]),
    ],
)
def test_w_and_b_failing_later_is_noted_once_and_the_trials_go_on(
    method: str, losses: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise wandb.Error("broken pipe")

    callback = make(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(wandb.Run, method, fail)
        for name in ("a", "b"):
            run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    assert callback.problems == [f"W&B: {loss}: broken pipe" for loss in losses]
    assert {run.id for run in read_all(tmp_path)} == {"a", "b"}


def test_a_directory_that_w_and_b_cannot_write_is_told_and_the_search_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "wandb").write_text("a file in its place")
    callback = make(tmp_path)
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not started: ")
    assert "wandb" in problem


def test_a_file_that_was_not_written_to_its_end_is_told_with_the_remedy_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk W&B's process writes what it can, and tells nobody."""
    monkeypatch.setattr(keeper, "WRITING_SECONDS", 0.0)
    trial = FakeTrial(path=str(tmp_path / "trial"))
    callback = make(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(segments, "has_end", lambda _: False)
        run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2, 3)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: 1 run was not written to the end (ab12c_00003): is the disk")
    assert "--resume" in problem
    part(tmp_path, killed_after=2)
    keep_reports(tmp_path / "trial", range(1, 4))
    trial.status = "TERMINATED"

    assert left(callback).tracked == {}
    restored = make(tmp_path, earlier=left(callback, trial))
    restored.on_experiment_end(trials=[trial])
    restored.settle()
    earlier, later = read_all(tmp_path)
    assert [row["epoch"] for row in of_epochs(earlier) + of_epochs(later)] == [1, 2, 3]
    assert later.exit_code == 0


def test_a_run_that_waits_for_the_server_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, real = threading.Event(), wandb.init

    def slow(**arguments: Any) -> Any:
        assert release.wait(60)
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", slow)
    callback, trials = make(tmp_path), [FakeTrial(f"t{number}") for number in range(20)]
    began = time.monotonic()
    for trial in trials:
        callback.on_trial_start(iteration=0, trials=[], trial=trial)
        report(callback, trial, metrics(1))
        callback.on_trial_complete(iteration=0, trials=[], trial=trial)
    assert time.monotonic() - began < 1
    release.set()
    callback.on_experiment_end(trials=[])  # type: ignore[arg-type]
    callback.settle()
    assert len(read_all(tmp_path)) == 20


def test_values_that_make_no_configuration_are_shown_as_they_are(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(config={"no_such_parameter": 1})
    run_trial(callback, trial, [metrics(1)])
    assert read_one(tmp_path).config["no_such_parameter"] == 1
    (problem,) = callback.problems
    assert "no_such_parameter" in problem


def test_the_stop_button_stops_its_trial_and_interrupts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buttons = {}
    real = wandb.init

    def spy(**arguments: Any) -> Any:
        buttons[arguments["id"]] = arguments["settings"].stop_fn
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", spy)
    callback = make(tmp_path)
    stopped, other = FakeTrial("a", stopping_criterion={"epoch": 9}), FakeTrial("b")
    for trial in (stopped, other):
        start(callback, trial)
    buttons["a"]()
    assert stopped.stopping_criterion == {"epoch": 9, "training_iteration": 0}
    assert other.stopping_criterion == {}
    for trial in (stopped, other):
        run_trial(callback, trial, [metrics(1)])
    statuses = {run.id: run.summary["trial_status"] for run in read_all(tmp_path)}
    assert statuses == {"a": "stopped from W&B", "b": "stopped early by the scheduler"}


def test_a_callback_with_open_runs_can_be_pickled_and_copied(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    start(callback, trial)
    for copied in (pickled(callback), copy.deepcopy(callback)):
        assert copied.home == callback.home
        assert copied.mode == "offline"
        assert copied._search.effective_config(VALUES)["hidden_size"] == 48
    report(callback, trial, metrics(1))
    complete(callback, trial)
    assert of_epochs(read_one(tmp_path)) == [logged(metrics(1))]


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_no_thread_or_process_is_left_behind_by_a_trial(tmp_path: Path) -> None:
    callback = make(tmp_path)
    run_trial(callback, FakeTrial("first"), [metrics(1)])
    threads, processes = threading.active_count(), children()
    for number in range(5):
        run_trial(callback, FakeTrial(f"trial{number}"), [metrics(1)])
    assert threading.active_count() <= threads
    assert children() == processes
    assert len(processes) == 1


def children() -> set[int]:
    """The processes that this one has started."""
    folders = Path("/proc/self/task").glob("*/children")
    return {int(pid) for folder in folders for pid in folder.read_text().split()}


def test_disabled_keeps_no_runs_and_imports_no_wandb(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from types import SimpleNamespace;"
        "from pcsearch.tracking.search import Search;"
        "from pcsearch.tracking.wandb_callback import WandbCallback;"
        "from pcsearch.tracking.wandb_runs import Home;"
        "home = Home('p', None, 'g', Path(sys.argv[1]));"
        "outcomes = SimpleNamespace(epoch=int);"
        "callback = WandbCallback(home, 'disabled', outcomes, Search((), (), 1, dict));"
        "trial = SimpleNamespace(trial_id='a');"
        "callback.on_trial_start(0, [], trial);"
        "callback.on_trial_result(0, [], trial, {'epoch': 1});"
        "callback.on_trial_complete(0, [], trial);"
        "callback.on_experiment_end([]);"
        "callback.settle();"
        "assert not callback.problems;"
        "sys.exit('wandb' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=os.environ)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    # The workers know nothing of this module.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


def trainable(config: dict[str, Any]) -> None:
    """Reports what a model would, with made-up numbers; seed 2 fails and seed 3 diverges."""
    for epoch in range(1, config["epochs"] + 1):
        if config["seed"] == 2 and epoch == 2:
            raise RuntimeError("out of luck")
        last = config["seed"] == 3 and epoch == 2
        tune.report(metrics(epoch, early_stop_reason="NaN" if last else None))
        if last:
            return


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_search_with_tune_has_one_run_a_trial_with_every_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = WandbCallback.log_trial_result
    callback = make(tmp_path / "search")

    def press_stop(self: WandbCallback, iteration: int, trial: Any, result: Any) -> None:
        real(self, iteration, trial, result)
        if trial.config["seed"] == 4 and result["epoch"] == 1:
            self._tracks[trial.trial_id].kept.beginning.stop()

    monkeypatch.setattr(WandbCallback, "log_trial_result", press_stop)
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    tune.run(
        trainable,
        config={"epochs": EPOCHS, "seed": tune.grid_search([1, 2, 3, 4])},
        callbacks=[callback],
        resources_per_trial={"cpu": 1},
        raise_on_failed_trial=False,
        storage_path=str(tmp_path / "tune"),
        name="search",
        verbose=0,
    )
    callback.settle()
    runs = {run.config["seed"]: run for run in read_all(tmp_path / "search")}
    assert callback.problems == []
    assert {run.name for run in runs.values()} == {f"trial-{n:04d}" for n in range(4)}
    assert {seed: run.summary["trial_status"] for seed, run in runs.items()} == {
        1: "finished",
        2: "failed",
        3: "diverged",
        4: "stopped from W&B",
    }
    assert {seed: run.exit_code for seed, run in runs.items()} == {1: 0, 2: 1, 3: 0, 4: 0}
    assert {seed: run.summary["early_stop_reason"] for seed, run in runs.items()} == {
        1: "None",
        2: "None",
        3: "NaN",
        4: "None",
    }
    for seed, epochs in {1: 3, 2: 1, 3: 2, 4: 2}.items():
        expected = [logged(metrics(e)) for e in range(1, epochs + 1)]
        if seed == 3:
            expected[-1]["early_stop_reason"] = "NaN"
        assert of_epochs(runs[seed]) == expected
        steps = [row["_step"] for row in runs[seed].history if "epoch" in row]
        assert steps == list(range(1, epochs + 1))
