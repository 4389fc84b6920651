"""The runs of a search: resumed after a kill, completed, and never in the way of the search."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import wandb
from offline_runs import cut_after
from wandb_server import WandbServer
from wandb_trials import (
    FakeTrial,
    chart,
    checkpoint,
    complete,
    end_session,
    history_of,
    keep_reports,
    logged,
    make,
    metrics,
    of_epochs,
    outcomes_of,
    poll,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)

from pcsearch.tracking.runs import manager, offline_files, outage
from pcsearch.tracking.runs.context import RunsState
from pcsearch.tracking.runs.queue import Backlog
from pcsearch.tracking.runs.run import WandbRun


def test_a_file_that_was_not_written_to_its_end_is_a_problem_with_a_remedy_and_completed_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk W&B's process writes what it can, and tells nobody."""
    monkeypatch.setattr(manager, "WRITING_SECONDS", 0.0)
    trial = FakeTrial(path=str(tmp_path / "trial"))
    callback = make(tmp_path, address=str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(offline_files, "has_end", lambda _: False)
        run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2, 3)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: 1 run was not written to the end (ab12c_00003): is the disk")
    assert f"make room, and python -m pcsearch --resume {tmp_path} writes what" in problem
    end_session(tmp_path, killed_after=2)
    keep_reports(tmp_path / "trial", range(1, 4))
    trial.status = "TERMINATED"

    assert history_of(callback).complete == {}
    resumed = make(tmp_path, history=history_of(callback, trial))
    outcomes_of(resumed).note(trial)
    resumed.on_experiment_end(trials=[trial])
    resumed.manager.settle()
    earlier, later = read_all(tmp_path)
    assert [row["epoch"] for row in of_epochs(earlier) + of_epochs(later)] == [1, 2, 3]
    assert later.exit_code == 0


def test_what_the_file_of_a_single_run_lacks_is_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "WRITING_SECONDS", 0.0)
    monkeypatch.setattr(offline_files, "has_end", lambda _: False)
    callback = make(tmp_path)
    run_trial(callback, FakeTrial(path=str(tmp_path / "trial")), [metrics(1)])
    (problem,) = callback.problems
    assert problem.endswith("is the disk full? The run's metrics.jsonl has every epoch")


def test_a_run_that_waits_for_the_server_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, real = threading.Event(), wandb.init

    def slow(**arguments: Any) -> Any:
        assert release.wait(600)
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", slow)
    callback, trials = make(tmp_path), [FakeTrial(f"t{number}") for number in range(20)]
    began = time.monotonic()
    for trial in trials:
        callback.on_trial_start(iteration=0, trials=[], trial=trial)
        report(callback, trial, metrics(1))
        callback.on_trial_complete(iteration=0, trials=[], trial=trial)
    assert time.monotonic() - began < 300
    release.set()
    callback.on_experiment_end(trials=[])  # type: ignore[arg-type]
    callback.manager.settle()
    assert len(read_all(tmp_path)) == 20


def test_only_so_many_runs_are_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, finish = threading.Event(), WandbRun.finish

    def slowly(run: WandbRun, exit_code: int) -> None:
        release.wait(240)
        finish(run, exit_code)

    monkeypatch.setattr(WandbRun, "finish", slowly)
    callback = make(tmp_path)
    callback.manager._backlog = Backlog(runs=2)
    trials = [FakeTrial(trial_id=f"aaaaa_0000{number}") for number in (1, 2, 3)]
    for trial in trials[:2]:
        callback.on_trial_start(iteration=0, trials=[], trial=trial)
        report(callback, trial, metrics(1))
        callback.on_trial_complete(iteration=0, trials=[], trial=trial)
    started = threading.Event()

    def start_another() -> None:
        callback.on_trial_start(iteration=0, trials=[], trial=trials[2])
        started.set()

    threading.Thread(target=start_another, daemon=True).start()
    assert not started.wait(0.3)
    release.set()
    assert started.wait(240)
    complete(callback, trials[2])
    assert {run.id[-5:] for run in read_all(tmp_path)} == {"00001", "00002", "00003"}
    assert callback.problems == []


def test_epochs_that_are_trained_twice_are_sent_once(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial()
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    callback.on_trial_recover(iteration=0, trials=[], trial=trial)
    run_trial(callback, trial, [metrics(2), metrics(3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [1, 2, 3]


def test_a_resumed_search_resumes_the_run_in_a_second_session(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    keep_reports(tmp_path / "trial", range(1, 3))
    callback.on_experiment_end(trials=[trial])
    callback.manager.settle()
    assert history_of(callback).complete == {trial.trial_id: 2}
    end_session(tmp_path)

    resumed = make(tmp_path, history=history_of(callback, trial))
    # The second epoch is trained a second time.
    run_trial(resumed, trial, [metrics(2), metrics(3)])
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
    callback.manager.settle()
    assert history_of(callback).complete == {}
    keep_reports(tmp_path / "trial", range(1, 4), torn='{"epoch": 4, "Loss')
    end_session(tmp_path, killed_after=1)

    resumed = make(tmp_path, history=history_of(callback, trial))
    run_trial(resumed, trial, [metrics(4)])
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
    callback.manager.settle()
    keep_reports(tmp_path / "trial", range(1, 4))
    end_session(tmp_path, killed_after=1)
    run_trial(callback, whole, [metrics(3)])
    lost.status = whole.status = "TERMINATED"
    lost.last_result = metrics(3)

    resumed = make(tmp_path, history=history_of(callback, lost, whole))
    for trial in (lost, whole):
        outcomes_of(resumed).note(trial)
    resumed.on_step_begin(iteration=0, trials=[])
    for _ in range(2):
        resumed.on_step_begin(iteration=1, trials=[lost, whole, FakeTrial("new")])
    resumed.on_experiment_end(trials=[lost, whole])
    resumed.manager.settle()
    first, second, third = sorted(read_all(tmp_path), key=lambda run: run.id)
    assert (first.id, second.id, third.id) == ("ab12c_00003", "ab12c_00003", "whole")
    rows = of_epochs(first) + of_epochs(second)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert (second.exit_code, second.summary["trial_status"]) == (0, "finished")
    assert chart(second, "Summary/VodeEnergy_Trends")


def test_a_damaged_file_of_a_trial_that_has_ended_is_filled_in_from_its_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2, 3)])
    keep_reports(tmp_path / "trial", range(1, 4))
    trial.status = "TERMINATED"
    history = history_of(callback, trial)
    assert history.complete == {trial.trial_id: 4}
    end_session(tmp_path)
    (file,) = tmp_path.glob("wandb/*/*.wandb")
    data = file.read_bytes()
    cut_after(file, 2)
    damage, length = file.stat().st_size - 8, 16
    # Its end is whole.
    file.write_bytes(data[:damage] + bytes(length) + data[damage + length :])

    for session in (1, 2):
        if session == 2:
            # It lists the folders of all runs; there may be thousands.
            monkeypatch.setattr(offline_files, "run_files", None)
        resumed = make(tmp_path, history=history)
        outcomes_of(resumed).note(trial)
        resumed.on_step_begin(iteration=1, trials=[trial])
        resumed.manager.settle()
        assert resumed.problems == []
        sessions = read_all(tmp_path)
        # The second time nothing is missing.
        assert len(sessions) == 2, session
    earlier, later = sessions
    assert [row["epoch"] for row in of_epochs(earlier) + of_epochs(later)] == [1, 2, 3]
    assert (later.exit_code, later.summary["trial_status"]) == (0, "finished")
    assert chart(later, "Summary/VodeEnergy_Trends")


def test_a_run_whose_files_are_gone_after_its_upload_is_not_sent_again(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    start(callback, trial)
    for epoch in (1, 2):
        report(callback, trial, metrics(epoch))
    keep_reports(tmp_path / "trial", range(1, 3))
    ended = FakeTrial("ended", status="TERMINATED")
    run_trial(callback, ended, [metrics(3)])
    callback.on_experiment_end(trials=[trial])
    callback.manager.settle()
    wandb.teardown()
    shutil.rmtree(tmp_path / "wandb")

    resumed = make(tmp_path, history=history_of(callback, trial, ended))
    outcomes_of(resumed).note(ended)
    resumed.on_step_begin(iteration=1, trials=[trial, ended])
    run_trial(resumed, trial, [metrics(3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [3]


def test_reports_that_cannot_be_read_cost_only_themselves(tmp_path: Path) -> None:
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    (tmp_path / "trial" / "result.json").mkdir(parents=True)
    run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: reports of earlier sessions were lost: ")
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [1, 2]


def novodes(epoch: int) -> dict[str, Any]:
    """A report without vodes: their charts need more of a server."""
    return {name: value for name, value in metrics(epoch).items() if "Vode" not in name}


def with_model(folder: Path, name: str) -> FakeTrial:
    return FakeTrial(name, checkpoint=checkpoint(folder / name, "model.pt"))


def test_a_slow_upload_holds_nothing_up_and_is_waited_for(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "STALL_SECONDS", 0.3)
    # --wandb online goes before it.
    monkeypatch.setenv("WANDB_MODE", "disabled")
    server.takes_artifacts.clear()
    callback = make(tmp_path / "here", mode="online", entity="team", artifacts="best")
    first, second = with_model(tmp_path, "first"), with_model(tmp_path, "second")
    for trial in (first, second):
        callback.log_trial_start(trial)
        report(callback, trial, novodes(1))
        outcomes_of(callback).note(trial)
        callback.on_trial_complete(iteration=0, trials=[trial], trial=trial)
    assert poll(lambda: len(server.runs) == 2 and server.runs["second"].lines)
    # Long enough to be asked whether it is there.
    time.sleep(1)
    assert server.runs["first"].exit_code is None
    server.takes_artifacts.set()
    callback.manager.settle()
    assert callback.problems == []
    assert not callback.unfinished
    assert {run.exit_code for run in server.runs.values()} == {0}
    assert {artifact.state for artifact in server.artifacts.all.values()} == {"COMMITTED"}


def test_the_state_counts_the_runs_that_wandb_has_not_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    finish = WandbRun.finish

    def wait(run: WandbRun, exit_code: int) -> None:
        assert go_on.wait(60)
        finish(run, exit_code)

    monkeypatch.setattr(WandbRun, "finish", wait)
    assert make(tmp_path, mode="disabled").manager.state == RunsState(
        "disabled", 0, is_cut_off=False
    )
    callback = make(tmp_path)
    assert callback.manager.state == RunsState("offline", 0, is_cut_off=False)
    trial = FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    callback.log_trial_end(trial)  # type: ignore[arg-type]
    assert callback.manager.state.waiting == 1
    go_on.set()
    callback.manager.settle()
    assert callback.manager.state.waiting == 0
