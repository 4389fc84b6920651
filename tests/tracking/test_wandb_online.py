"""Single runs that go to a server, a stand-in for W&B's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from test_wandb_callback import FakeTrial, complete, logged, make, metrics, read_one, report, start
from wandb.sdk.lib import run_stopping
from wandb_server import KEY, Run, WandbServer, running

from pcsearch.tracking import wandb_runs

RUN = "ab12c_00003"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    with running() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server
        wandb.teardown()


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
    monkeypatch.setattr(wandb_runs, "FINISH_SECONDS", 1.0)
    callback = make(tmp_path, mode="online", entity="team")
    first, second = FakeTrial("first"), FakeTrial("second")
    start(callback, first)
    server.go_away("error")
    began = time.monotonic()
    report(callback, first, novodes(1))
    complete(callback, first)
    start(callback, second)
    report(callback, second, novodes(1))
    complete(callback, second)
    assert time.monotonic() - began < 10
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not uploaded to its end: ")
    assert "later runs are offline: wandb sync" in problem
    server.come_back()
    assert read_one(tmp_path).id == "second"


def test_the_stop_button_reaches_its_trial_and_interrupts_nobody(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_runs, "TRANSMIT_SECONDS", 1.0)
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
