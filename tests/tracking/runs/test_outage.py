"""A server that goes away while a search runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import wandb
from wandb.errors import CommError
from wandb_server import WandbServer
from wandb_trials import (
    FakeTrial,
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

from pcsearch.tracking.runs import outage
from pcsearch.tracking.runs.context import RunsState
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.run import WandbRun


def test_a_run_that_does_not_start_online_is_offline_and_so_are_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wandb.init

    def fail_online(**arguments: Any) -> Any:
        if arguments["mode"] == "online":
            raise CommError("no answer")
        return real(**arguments)

    monkeypatch.setattr(wandb, "init", fail_online)
    monkeypatch.setattr(outage, "is_reachable", lambda: True)
    callback = make(tmp_path, mode="online")
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1)])
    assert [(run.id, len(of_epochs(run))) for run in read_all(tmp_path)] == [("a", 1), ("b", 1)]
    (problem,) = callback.problems
    assert "a run did not start online: no answer; from now on runs are offline, and " in problem
    assert callback.manager.state == RunsState("offline", 0, is_cut_off=True)


def test_a_run_that_the_server_refuses_is_offline(server: WandbServer, tmp_path: Path) -> None:
    server.refusals["UpsertBucket"] = "permission denied"
    callback = make(tmp_path, mode="online", entity="team")
    run_trial(callback, FakeTrial(), [metrics(1)])
    assert [row["epoch"] for row in of_epochs(read_one(tmp_path))] == [1]
    (problem,) = callback.problems
    assert "a run did not start online: " in problem
    assert "permission denied" in problem
    (session,) = (tmp_path / "wandb").glob("*run-*-ab12c_00003")
    assert session.name.startswith("offline-")


def test_a_run_that_does_not_start_at_all_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> Any:
        raise CommError("no way")

    monkeypatch.setattr(wandb, "init", fail)
    monkeypatch.setattr(outage, "is_reachable", lambda: True)
    callback = make(tmp_path, mode="online")
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1)])
    _, problem = callback.problems
    assert problem == "W&B: a run was not started: no way"


def test_a_run_ends_also_where_the_system_gives_no_thread_that_watches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", refuse)
    ended, run = [], SimpleNamespace(mode="online")
    with outage.OutageWatch("online", Problems()).ending(cast(WandbRun, run)):
        ended.append(run)
    assert ended


def novodes(epoch: int) -> dict[str, Any]:
    """A report without vodes: their charts need more of a server."""
    return {name: value for name, value in metrics(epoch).items() if "Vode" not in name}


def test_a_server_that_goes_away_holds_the_search_up_briefly_and_only_once(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "STALL_SECONDS", 1.0)
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
    callback.manager.settle()
    assert time.monotonic() - began < 240
    gone, rest = callback.problems
    assert gone.startswith(
        "W&B: the server does not answer; from now on runs are offline, and the end "
    )
    assert rest == "W&B: 1 run was not uploaded to the end: the server does not answer"
    assert callback.unfinished
    server.come_back()
    assert read_one(tmp_path).id == "second"
