"""A search that ends trials faster than W&B ends runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from wandb_trials import FakeTrial, complete, make, metrics, read_all, report

from pcsearch.tracking.runs.backlog import Backlog
from pcsearch.tracking.runs.run import WandbRun


def test_a_search_waits_until_a_run_has_ended() -> None:
    backlog, went_on = Backlog(runs=2), threading.Event()
    backlog.add()
    backlog.await_room()
    backlog.add()

    def go_on() -> None:
        backlog.await_room()
        went_on.set()

    threading.Thread(target=go_on, daemon=True).start()
    assert not went_on.wait(0.2)
    backlog.remove()
    assert went_on.wait(10)


def test_runs_that_do_not_end_are_waited_for_once() -> None:
    backlog = Backlog(runs=3, stall=0.2)
    for _ in range(3):
        backlog.add()
    began = time.monotonic()
    backlog.await_room()
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    for _ in range(2):
        backlog.add()
        backlog.await_room()
    assert time.monotonic() - began < 0.2
    for _ in range(3):
        backlog.remove()
    backlog.add()
    began = time.monotonic()
    backlog.await_room()
    assert time.monotonic() - began >= 0.2


def test_only_so_many_runs_are_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, finish = threading.Event(), WandbRun.finish

    def slowly(run: WandbRun, exit_code: int) -> None:
        release.wait(30)
        finish(run, exit_code)

    monkeypatch.setattr(WandbRun, "finish", slowly)
    callback = make(tmp_path)
    callback._keeper._backlog = Backlog(runs=2)
    trials = [FakeTrial(trial_id=f"aaaaa_0000{number}") for number in (1, 2, 3)]
    for trial in trials[:2]:
        callback.on_trial_start(iteration=0, trials=[], trial=trial)
        report(callback, trial, metrics(1))
        callback.on_trial_complete(iteration=0, trials=[], trial=trial)
    started = threading.Event()

    def go_on() -> None:
        callback.on_trial_start(iteration=0, trials=[], trial=trials[2])
        started.set()

    threading.Thread(target=go_on, daemon=True).start()
    assert not started.wait(0.3)
    release.set()
    assert started.wait(30)
    complete(callback, trials[2])
    assert {run.id[-5:] for run in read_all(tmp_path)} == {"00001", "00002", "00003"}
    assert callback.problems == []
