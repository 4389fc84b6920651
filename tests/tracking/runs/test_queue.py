"""The threads that talk to W&B: each run in order, later, and never in the way of an end."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from pcsearch.tracking.runs import queue as module
from pcsearch.tracking.runs.queue import THREADS, Writer


def new_writer() -> Writer:
    def tell(error: Exception) -> None:
        raise AssertionError from error

    return Writer(tell)


def drain(writer: Writer, stall: float = 30, stalled: Any = lambda: True) -> bool:
    return writer.drain(lambda _: None, stall, stalled)


def test_everything_of_a_run_is_done_in_order_in_other_threads() -> None:
    writer = new_writer()
    done: dict[str, list[int]] = {name: [] for name in "abcdefghijkl"}
    names = set()

    def action(run: str, number: int) -> None:
        names.add(threading.current_thread().name)
        done[run].append(number)

    for number in range(100):
        for run in done:
            writer.submit(run, lambda r=run, n=number: action(r, n))
    assert drain(writer)
    assert done == {run: list(range(100)) for run in done}
    assert names == {"wandb-writer"}


def test_runs_are_served_at_once_and_a_slow_one_holds_up_none() -> None:
    writer, release, done = new_writer(), threading.Event(), threading.Event()
    for number in range(THREADS - 1):
        writer.submit(f"slow{number}", lambda: release.wait(30) and None)
    writer.alone(lambda: release.wait(30) and None)
    writer.submit("quick", done.set)
    assert done.wait(10)
    assert writer.waiting >= THREADS
    release.set()
    assert drain(writer)


def test_what_fails_costs_neither_its_thread_nor_what_comes_after_it() -> None:
    told: list[str] = []
    done: list[int] = []
    writer = Writer(lambda error: told.append(str(error)))

    def fail() -> None:
        raise OSError("stale")

    for number in range(2 * THREADS):
        writer.submit(f"run{number}", fail)
        writer.submit(f"run{number}", lambda n=number: done.append(n))
    assert drain(writer)
    assert told == ["stale"] * 2 * THREADS
    assert sorted(done) == list(range(2 * THREADS))


def test_a_writer_without_work_has_no_thread_and_nothing_to_wait_for() -> None:
    before = threading.active_count()
    assert drain(new_writer())
    assert threading.active_count() == before


def test_what_hangs_is_waited_for_as_long_as_there_is_hope(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    writer, release = new_writer(), threading.Event()
    writer.submit("a", lambda: time.sleep(0.05))
    writer.submit("a", lambda: release.wait(30) and None)
    answers, told = [True, False], list[int]()
    began = time.monotonic()
    assert not writer.drain(told.append, 0.1, answers.pop)
    assert time.monotonic() - began < 5
    assert answers == []
    assert told == [1]
    release.set()
    assert drain(writer)


def test_what_no_thread_can_be_had_for_is_done_in_the_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, done = new_writer(), list[str]()

    def refuse(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(writer, "_start", refuse)
    writer.alone(lambda: done.append(threading.current_thread().name))
    assert done == [threading.current_thread().name]
    assert drain(writer)
