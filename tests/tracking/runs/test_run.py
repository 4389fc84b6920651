"""Single runs, offline and at a stand-in for W&B's server."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.sdk.lib import run_stopping
from wandb_server import KEY, Run, WandbServer
from wandb_trials import (
    FakeOutcomes,
    FakeTrial,
    checkpoint,
    complete,
    history_of,
    logged,
    make,
    metrics,
    of_epochs,
    poll,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)

from pcsearch.tracking import wandb_internals
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


def with_model(folder: Path, name: str) -> FakeTrial:
    return FakeTrial(name, checkpoint=checkpoint(folder / name, "model.pt"))


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
    monkeypatch.setattr(wandb_internals, "TRANSMIT_SECONDS", 1.0)
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    server.stop_pressed = True
    outcomes, trial = FakeOutcomes(), FakeTrial()
    callback = make(tmp_path, outcomes, mode="online", entity="team")
    start(callback, trial)
    report(callback, trial, novodes(1))
    assert poll(lambda: outcomes.of(trial.trial_id).stop_requested)
    complete(callback, trial)
    assert callback.problems == []


def test_a_run_that_is_not_the_trials_own_is_refused(tmp_path: Path) -> None:
    # As an agent's variable has it, where the process has set up W&B itself.
    wandb.setup(wandb.Settings(silent=True, sweep_id="abc12345"))
    callback = make(tmp_path)
    run_trial(callback, FakeTrial(), [metrics(1)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not started: W&B has started the run ")
    assert "in place of pc/ab12c_00003: check the variables WANDB_..." in problem


def test_a_variable_that_goes_while_the_client_lists_them_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = wandb.init, ["HOME"]

    def init(**arguments: Any) -> Any:
        if left:
            raise KeyError(left.pop())
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", init)
    callback = make(tmp_path)
    run_trial(callback, FakeTrial(), [metrics(1)])
    assert callback.problems == []
    assert len(of_epochs(read_one(tmp_path))) == 1


def test_a_directory_that_w_and_b_cannot_write_is_a_problem_and_the_search_continues(
    tmp_path: Path,
) -> None:
    (tmp_path / "wandb").write_text("a file in its place")
    callback = make(tmp_path)
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not started: ")
    assert "wandb" in problem


def test_a_run_that_the_server_has_in_part_gets_only_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server tells the first step that it lacks; offline there is nobody to tell it.
    monkeypatch.setattr(wandb.Run, "starting_step", 3)
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (2, 3)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [3]


def test_every_run_lists_the_installed_packages_which_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = make(tmp_path)
    monkeypatch.setattr("importlib.metadata.distributions", _once(importlib.metadata.distributions))
    wandb_run._installed_packages.cache_clear()
    for trial_id in ("aaaaa_00001", "aaaaa_00002"):
        run_trial(callback, FakeTrial(trial_id=trial_id), [metrics(1)])
    lists = [run.directory / "files" / "requirements.txt" for run in read_all(tmp_path)]
    assert len(lists) == 2
    for file in lists:
        assert f"wandb=={wandb.__version__}" in file.read_text(encoding="utf-8").splitlines()
    assert callback.problems == []


def _once(call: Callable[[], Any]) -> Callable[[], Any]:
    calls: list[None] = []

    def only_once() -> Any:
        calls.append(None)
        assert len(calls) == 1
        return call()

    return only_once


WHO_PARSES = """
import ast, sys, threading
from pathlib import Path
from wandb_trials import FakeTrial, make, metrics, run_trial

parse, elsewhere = ast.parse, []

def watched(*arguments, **options):
    if threading.current_thread() is not threading.main_thread():
        elsewhere.append(sys._getframe(1).f_code.co_filename)
    return parse(*arguments, **options)

ast.parse = watched
callback = make(Path(sys.argv[1]))
run_trial(callback, FakeTrial(), [metrics(1)])
print(elsewhere)
"""


def test_the_threads_that_start_runs_have_no_source_code_parsed(tmp_path: Path) -> None:
    """Two threads that do may not both live: see `load_client`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", WHO_PARSES, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr
