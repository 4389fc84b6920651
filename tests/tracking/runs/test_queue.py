"""The threads that talk to W&B: each run in order, and never in the way of the search's end."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import pytest

from pcsearch.tracking.runs import queue as module
from pcsearch.tracking.runs.queue import THREADS, Backlog, RunQueue


def new_queue() -> RunQueue:
    def tell(error: Exception) -> None:
        raise AssertionError from error

    return RunQueue(tell)


def drain(queue: RunQueue) -> bool:
    return queue.drain(lambda _: None, 30, lambda _: True, lambda: None)


def test_everything_of_a_run_is_done_in_order_in_other_threads() -> None:
    queue = new_queue()
    done: dict[str, list[int]] = {name: [] for name in "abcdefghijkl"}
    names = set()

    def action(run: str, number: int) -> None:
        names.add(threading.current_thread().name)
        done[run].append(number)

    for number in range(100):
        for run in done:
            queue.submit(run, lambda r=run, n=number: action(r, n))
    assert drain(queue)
    assert done == {run: list(range(100)) for run in done}
    assert names == {"wandb-run"}


def test_runs_are_served_at_once_and_a_slow_one_holds_up_none() -> None:
    queue, release, done = new_queue(), threading.Event(), threading.Event()
    for number in range(THREADS - 1):
        queue.submit(f"slow{number}", lambda: release.wait(240) and None)
    queue.run_alone(lambda: release.wait(240) and None)
    queue.submit("quick", done.set)
    assert done.wait(240)
    assert queue.waiting >= THREADS
    release.set()
    assert drain(queue)


def test_what_fails_costs_neither_its_thread_nor_what_comes_after_it() -> None:
    told: list[str] = []
    done: list[int] = []
    queue = RunQueue(lambda error: told.append(str(error)))

    def fail() -> None:
        raise OSError("stale")

    for number in range(2 * THREADS):
        queue.submit(f"run{number}", fail)
        queue.submit(f"run{number}", lambda n=number: done.append(n))
    assert drain(queue)
    assert told == ["stale"] * 2 * THREADS
    assert sorted(done) == list(range(2 * THREADS))


def test_a_queue_without_work_has_no_thread_and_nothing_to_wait_for() -> None:
    before = threading.active_count()
    assert drain(new_queue())
    assert threading.active_count() == before


def test_what_hangs_is_waited_for_as_long_as_there_is_hope(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    queue, release = new_queue(), threading.Event()
    queue.submit("a", lambda: time.sleep(0.05))
    queue.submit("a", lambda: release.wait(240) and None)
    told, idle, progress = list[int](), list[float](), [2, 2, 1, 0]

    def give_up(seconds: float) -> bool:
        idle.append(seconds)
        return len(idle) == 3

    began = time.monotonic()
    states = lambda: progress.pop() if progress else 2  # noqa: E731
    assert not queue.drain(told.append, 0.1, give_up, states)
    assert time.monotonic() - began < 60
    assert told == [1]
    # Whatever makes progress is waited for anew.
    assert 0.1 < idle[0] < idle[1] < idle[2]
    assert idle[2] < time.monotonic() - began - 0.2
    release.set()
    assert drain(queue)


def test_what_no_thread_can_be_had_for_is_done_in_the_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, done = new_queue(), list[str]()

    def refuse(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(queue, "_start", refuse)
    queue.run_alone(lambda: done.append(threading.current_thread().name))
    assert done == [threading.current_thread().name]
    assert drain(queue)


@pytest.mark.parametrize("threads", [0, 1])
def test_a_search_goes_on_where_the_system_gives_no_more_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, done, start, left = new_queue(), list[tuple[int, str]](), RunQueue._start, [threads]

    def give_few(work: Any) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(queue, work)

    monkeypatch.setattr(queue, "_start", give_few)

    def note(number: int) -> None:
        done.append((number, threading.current_thread().name))

    for number in range(20):
        for run in "ab":
            queue.submit(run, partial(note, number))
    assert drain(queue)
    assert sorted(number for number, _ in done) == sorted([*range(20)] * 2)
    where = "wandb-run" if threads else threading.current_thread().name
    assert {name for _, name in done} == {where}


def test_a_search_waits_until_a_run_has_ended() -> None:
    backlog, has_room = Backlog(runs=2), threading.Event()
    backlog.add()
    backlog.await_room()
    backlog.add()

    def wait() -> None:
        backlog.await_room()
        has_room.set()

    threading.Thread(target=wait, daemon=True).start()
    assert not has_room.wait(0.2)
    backlog.remove()
    assert has_room.wait(240)


def test_runs_that_do_not_end_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stall, waits = 0.3, list[bool]()
    wait = threading.Condition.wait

    def noted(condition: threading.Condition, timeout: float | None = None) -> bool:
        answer = wait(condition, timeout)
        if timeout == stall:
            waits.append(answer)
        return answer

    monkeypatch.setattr(threading.Condition, "wait", noted)
    backlog = Backlog(runs=3, stall=stall)
    for _ in range(3):
        backlog.add()
    began = time.monotonic()
    backlog.await_room()
    assert time.monotonic() - began >= stall
    assert waits == [False]
    for _ in range(2):
        backlog.add()
        backlog.await_room()
    assert waits == [False]
    for _ in range(3):
        backlog.remove()
    backlog.add()
    backlog.await_room()
    assert waits == [False, False]
