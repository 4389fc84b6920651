"""What a run tells at the end of its trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wandb_trials import (
    EPOCHS,
    FakeOutcomes,
    FakeTrial,
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


def test_a_run_tells_at_which_rung_its_trial_was_stopped(tmp_path: Path) -> None:
    trials = {name: FakeTrial(name) for name in ("stopped", "cut", "winner")}
    outcomes = FakeOutcomes(rungs={"stopped": 2}, cut={"cut"}, winner="winner")
    callback = make(tmp_path, outcomes)
    for trial in trials.values():
        run_trial(callback, trial, [metrics(2)])
    summaries = {run.id: run.summary for run in read_all(tmp_path)}
    assert summaries["stopped"]["trial_status"] == "stopped early by the scheduler"
    assert summaries["stopped"]["stopped_at_epoch"] == 2
    assert summaries["cut"]["trial_status"] == "ended: another trial reached the target"
    assert [name for name in trials if "reached_target" in summaries[name]] == ["winner"]
    assert [name for name in trials if "stopped_at_epoch" in summaries[name]] == ["stopped"]


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
    callback.manager.settle()
    run = read_one(tmp_path)
    assert run.exit_code == 1
    assert run.summary["trial_status"] == "interrupted"
    assert [row["_step"] for row in run.history] == [1]
