"""Runs that go on in another session, and what a killed one has lost of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import wandb
from wandb_trials import (
    FakeTrial,
    chart,
    keep_reports,
    history_of,
    logged,
    make,
    metrics,
    of_epochs,
    part,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)


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


def test_a_restored_search_goes_on_with_the_same_run_in_a_second_part(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    keep_reports(tmp_path / "trial", range(1, 3))
    callback.on_experiment_end(trials=[trial])
    callback.settle()
    assert history_of(callback).complete == {trial.trial_id: 2}
    part(tmp_path)

    restored = make(tmp_path, history=history_of(callback, trial))
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
    assert history_of(callback).complete == {}
    keep_reports(tmp_path / "trial", range(1, 4), torn='{"epoch": 4, "Loss')
    part(tmp_path, killed_after=1)

    restored = make(tmp_path, history=history_of(callback, trial))
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

    restored = make(tmp_path, history=history_of(callback, lost, whole))
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

    restored = make(tmp_path, history=history_of(callback, trial, ended))
    restored.on_step_begin(iteration=1, trials=[trial, ended])
    run_trial(restored, trial, [metrics(3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [3]


def test_reports_that_cannot_be_read_cost_only_themselves(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    (tmp_path / "trial" / "result.json").mkdir(parents=True)
    run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: reports of earlier sessions were lost: ")
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [1, 2]
