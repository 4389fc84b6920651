"""W&B that fails, at the start or later: the search goes on, and says what is missing."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.errors import CommError
from wandb_trials import (
    FakeTrial,
    keep_reports,
    history_of,
    make,
    metrics,
    of_epochs,
    part,
    read_all,
    read_one,
    report,
    run_trial,
)

from pcsearch.tracking.runs import manager, offline_files


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
    monkeypatch.setattr(manager, "answers", lambda: True)
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
    monkeypatch.setattr(manager, "WRITING_SECONDS", 0.0)
    trial = FakeTrial(path=str(tmp_path / "trial"))
    callback = make(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(offline_files, "has_end", lambda _: False)
        run_trial(callback, trial, [metrics(epoch) for epoch in (1, 2, 3)])
    (problem,) = callback.problems
    assert problem.startswith("W&B: 1 run was not written to the end (ab12c_00003): is the disk")
    assert "--resume" in problem
    part(tmp_path, killed_after=2)
    keep_reports(tmp_path / "trial", range(1, 4))
    trial.status = "TERMINATED"

    assert history_of(callback).complete == {}
    restored = make(tmp_path, history=history_of(callback, trial))
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
