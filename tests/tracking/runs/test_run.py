"""Single runs that go to a server, a stand-in for W&B's."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from wandb.sdk.lib import run_stopping
from wandb_server import KEY, Run, WandbServer
from wandb_trials import (
    FakeTrial,
    checkpoint,
    complete,
    history_of,
    logged,
    make,
    metrics,
    poll,
    read_one,
    report,
    start,
)

from pcsearch.tracking.runs import manager
from pcsearch.tracking.runs import run as wandb_run

RUN = "ab12c_00003"


def novodes(epoch: int) -> dict[str, Any]:
    """A report without vodes: their charts need more of a server."""
    return {name: value for name, value in metrics(epoch).items() if "Vode" not in name}


def run_online(directory: Path, epochs: list[int]) -> list[str]:
    """A trial from start to end; the problems with W&B."""
    callback, trial = make(directory, mode="online", entity="team"), FakeTrial()
    start(callback, trial)
    for epoch in epochs:
        report(callback, trial, novodes(epoch))
    complete(callback, trial)
    return callback.problems


def test_the_server_gets_every_report_once_and_the_end(server: WandbServer, tmp_path: Path) -> None:
    assert run_online(tmp_path, [1, 2, 3]) == []
    (run,) = server.runs.values()
    assert run.rows == [logged(novodes(epoch)) for epoch in (1, 2, 3)]
    assert [row["_step"] for row in run.lines.values()] == [1, 2, 3]
    assert run.exit_code == 0
    assert (run.name, run.display_name) == (RUN, "trial-0003")
    assert (run.entity, run.project, run.group) == ("team", "pc", "my-search")
    assert run.values["hidden_size"] == 48
    assert run.sweep is None


def test_a_resumed_run_gets_exactly_the_epochs_that_the_server_lacks(
    server: WandbServer, tmp_path: Path
) -> None:
    lines = {epoch - 1: {"_step": epoch, "epoch": epoch} for epoch in range(1, 6)}
    run = server.runs[RUN] = Run("team", "pc", RUN, lines=dict(lines))
    assert run_online(tmp_path, [4, 5, 6, 7]) == []
    assert {number: run.lines[number] for number in lines} == lines
    assert [row["epoch"] for row in run.rows] == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_is_printed_and_the_key_is_in_no_file(
    server: WandbServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_online(tmp_path, [1])
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".wandb" for file in files)
    assert all(KEY.encode() not in file.read_bytes() for file in files)
    assert len(server.runs[RUN].rows) == 1


def test_a_server_that_goes_away_holds_the_search_up_briefly_and_only_once(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "STALL_SECONDS", 1.0)
    callback = make(tmp_path, mode="online", entity="team")
    first, second = FakeTrial("first"), FakeTrial("second")
    start(callback, first)
    server.go_away("error")
    began = time.monotonic()
    report(callback, first, novodes(1))
    callback.on_trial_complete(iteration=0, trials=[first], trial=first)
    assert poll(lambda: callback.problems)
    for epoch in (1, 2):
        callback.log_trial_start(second)
        report(callback, second, novodes(epoch))
    callback.on_trial_complete(iteration=0, trials=[second], trial=second)
    callback.settle()
    assert time.monotonic() - began < 10
    gone, rest = callback.problems
    assert gone.startswith(
        "W&B: the server does not answer; from now on runs are offline: wandb sync "
    )
    assert rest == "W&B: 1 run was not uploaded to the end: the server does not answer"
    assert callback.unfinished
    server.come_back()
    assert read_one(tmp_path).id == "second"


def with_model(folder: Path, name: str) -> FakeTrial:
    return FakeTrial(name, checkpoint=checkpoint(folder / name, "model.pt"))


def test_a_slow_upload_holds_nothing_up_and_is_waited_for(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "STALL_SECONDS", 0.3)
    server.takes_artifacts.clear()
    callback = make(tmp_path / "here", mode="online", entity="team", artifacts="best")
    first, second = with_model(tmp_path, "first"), with_model(tmp_path, "second")
    for trial in (first, second):
        callback.log_trial_start(trial)
        report(callback, trial, novodes(1))
        callback.on_trial_complete(iteration=0, trials=[trial], trial=trial)
    assert poll(lambda: len(server.runs) == 2 and server.runs["second"].lines)
    # Long enough to be asked whether it is there.
    time.sleep(1)
    assert server.runs["first"].exit_code is None
    server.takes_artifacts.set()
    callback.settle()
    assert callback.problems == []
    assert not callback.unfinished
    assert {run.exit_code for run in server.runs.values()} == {0}
    assert {artifact.state for artifact in server.artifacts.all.values()} == {"COMMITTED"}


def test_an_artifact_that_the_server_refuses_is_told_and_not_taken_for_uploaded(
    server: WandbServer, tmp_path: Path
) -> None:
    server.refusals["CommitArtifact"] = "the quota is used up\nask your admin"
    callback = make(tmp_path / "here", mode="online", entity="team", artifacts="best")
    trial = with_model(tmp_path, "first")
    start(callback, trial)
    report(callback, trial, novodes(1))
    complete(callback, trial)
    (problem,) = callback.problems
    assert problem.startswith("W&B: an artifact was lost: my-search-first: ")
    assert "the quota is used up" in problem
    assert server.runs["first"].exit_code == 0
    assert callback.unfinished
    assert history_of(callback).complete == {}
    assert not list(tmp_path.rglob("*.synced"))


def test_the_stop_button_reaches_its_trial_and_interrupts_nobody(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "TRANSMIT_SECONDS", 1.0)
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    server.stop_pressed = True
    callback, trial = make(tmp_path, mode="online", entity="team"), FakeTrial()
    start(callback, trial)
    report(callback, trial, novodes(1))
    for _ in range(100):
        if trial.stopping_criterion:
            break
        time.sleep(0.1)
    assert trial.stopping_criterion == {"training_iteration": 0}
    complete(callback, trial)
    assert callback.problems == []
