"""The thread that talks to W&B: in order, later, and never in the way of an end."""

from __future__ import annotations

import threading
import time

from pcsearch.tracking.writer import Writer


def test_everything_is_done_in_order_in_another_thread() -> None:
    writer, done = Writer(), []
    for number in range(100):
        writer.submit(lambda n=number: done.append((n, threading.current_thread().name)))
    assert writer.drain()
    assert done == [(number, "wandb-writer") for number in range(100)]


def test_a_writer_without_work_has_no_thread_and_nothing_to_wait_for() -> None:
    before = threading.active_count()
    assert Writer().drain()
    assert threading.active_count() == before


def test_what_hangs_is_waited_for_only_so_long() -> None:
    writer, release = Writer(), threading.Event()
    writer.submit(lambda: time.sleep(0.05))
    writer.submit(lambda: release.wait(30) and None)
    began = time.monotonic()
    assert not writer.drain(stall=0.2)
    assert time.monotonic() - began < 5
    release.set()
    assert writer.drain()
