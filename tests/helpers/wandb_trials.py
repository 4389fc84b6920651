"""Trials for W&B's callback without a search, and the runs that the callback keeps of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import wandb
from offline_runs import OfflineRun, cut_after, read_runs

from pcsearch.engine.records.journal.events import ReachedTarget
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import flatten
from pcsearch.engine.workloads.pc_transformer import PCTransformer
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.runs.context import RunContext, RunGroup, RunHistory

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


class FakeOutcomes(Outcomes):
    """The outcomes of trials of EPOCHS epochs; their values are set and not taken from reports."""

    def __init__(
        self,
        ended: int = 0,
        failures: int = 0,
        winner: str | None = None,
        rungs: dict[str, int] | None = None,
        cut: Iterable[str] = (),
        errors: dict[str, str] | None = None,
        best: dict[str, float] | None = None,
    ) -> None:
        super().__init__([METRIC])
        self.ended_count, self.failures = ended, failures
        for trial_id, rung in (rungs or {}).items():
            self.of(trial_id).stopped_at = rung
        for trial_id in cut:
            self.of(trial_id).ended_by_target = True
        for trial_id, error in (errors or {}).items():
            self.of(trial_id).error = error
        for trial_id, value in (best or {}).items():
            self.of(trial_id).best = [value]
        if winner is not None:
            self.reach_target(ReachedTarget(winner, []))

    def of(self, trial_id: str) -> TrialOutcome:
        outcome = super().of(trial_id)
        outcome.number, outcome.epochs = 3, EPOCHS
        return outcome

    def note(self, trial: FakeTrial) -> None:
        """Take in what the trial has reported, and that it has ended."""
        outcome = self.of(trial.trial_id)
        outcome.last_report = flatten(trial.last_result)
        outcome.ended, outcome.failed = True, trial.status == "ERROR"
        outcome.ended_by_user = outcome.stop_requested
        self.last_ended = trial.trial_id
        if not outcome.failed:
            self._compare(outcome)


def make(directory: Path, outcomes: FakeOutcomes | None = None, **arguments: Any) -> WandbCallback:
    """A callback; the arguments are those of `RunGroup`, `RunContext` and the callback itself."""
    group: dict[str, Any] = {"project": "pc", "entity": None, "name": "my-search"}
    context: dict[str, Any] = {
        "metrics": [METRIC],
        "searched": ["peak_lr_weights"],
        "max_trials": 9,
        "effective_config": PCTransformer().effective_config,
        "artifact_files": PCTransformer.artifact_files,
    }
    mode = arguments.pop("mode", "offline")
    history: RunHistory = arguments.pop("history", RunHistory())
    tell = arguments.pop("tell", lambda _: None)
    of_group = {each.name for each in fields(RunGroup)}
    for name, value in arguments.items():
        (group if name in of_group else context)[name] = value
    group["directory"] = directory
    complete = dict(history.complete)
    history = replace(history, complete=complete, record_complete=complete.__setitem__)
    return WandbCallback(
        RunGroup(**group), mode, outcomes or FakeOutcomes(), RunContext(**context), history, tell
    )


def history_of(callback: WandbCallback, *trials: FakeTrial) -> RunHistory:
    """What a session has written so far about the runs of its trials."""
    complete = dict(callback._history.complete)
    return RunHistory(frozenset(trial.trial_id for trial in trials), complete)


def outcomes_of(callback: WandbCallback) -> FakeOutcomes:
    """What the callback reads of its trials."""
    outcomes = callback._outcomes
    assert isinstance(outcomes, FakeOutcomes)
    return outcomes


def start(callback: WandbCallback, trial: FakeTrial) -> None:
    callback.on_trial_start(iteration=0, trials=[trial], trial=trial)
    callback.manager.settle()


def report(callback: WandbCallback, trial: FakeTrial, result: dict[str, Any]) -> None:
    result = result | bookkeeping(result["epoch"])
    # The engine's trial takes in a report before the callbacks get it.
    outcomes_of(callback).of(trial.trial_id).last_report = flatten(result)
    callback.on_trial_result(iteration=0, trials=[trial], trial=trial, result=result)
    trial.last_result = result


def complete(callback: WandbCallback, trial: FakeTrial) -> None:
    outcomes_of(callback).note(trial)
    callback.on_trial_complete(iteration=0, trials=[trial], trial=trial)
    callback.manager.settle()


def fail(callback: WandbCallback, trial: FakeTrial) -> None:
    trial.status = "ERROR"
    outcomes_of(callback).note(trial)
    callback.on_trial_error(iteration=0, trials=[], trial=trial)
    callback.manager.settle()


def run_trial(
    callback: WandbCallback, trial: FakeTrial, reports: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A trial from start to end; what it reported."""
    start(callback, trial)
    for result in reports:
        report(callback, trial, result)
    complete(callback, trial)
    return reports


def read_all(directory: Path) -> list[OfflineRun]:
    """The sessions of a directory, after W&B's process has written everything."""
    wandb.teardown()
    return read_runs(directory)


def read_one(directory: Path) -> OfflineRun:
    (run,) = read_all(directory)
    return run


def of_epochs(run: OfflineRun) -> list[dict[str, Any]]:
    """The rows of the reports: without the charts that come after the last."""
    return [row for row in run.rows() if "epoch" in row]


def poll(condition: Any, seconds: float = 240) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


@dataclass
class Folder:
    path: str


def checkpoint(folder: Path, *names: str) -> Folder:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return Folder(str(folder))


def end_session(directory: Path, killed_after: int | None = None) -> None:
    """Rename the only session of the run: W&B names sessions by the second of their start.

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


def chart(run: OfflineRun, name: str) -> list[list[Any]]:
    """The points of a chart: epoch, vode, value."""
    (row,) = [row for row in run.rows() if f"{name}_table" in row]
    table = row[f"{name}_table"]
    assert table["ncols"] == 3
    file = run.directory / "files" / table["path"]
    data: list[list[Any]] = json.loads(file.read_text())["data"]
    return data
