"""Something that is done again and again while a block runs."""

from __future__ import annotations

import threading
import time

import pytest

from pcsearch.system.repeated import repeated


@pytest.mark.parametrize("at_once", [False, True])
def test_a_function_is_called_until_the_block_ends(at_once: bool) -> None:
    calls: list[float] = []
    often = threading.Event()

    def action() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            often.set()
        raise ValueError("dropped")

    begin = time.monotonic()
    with repeated(action, 0.05, "calls", at_once=at_once):
        assert often.wait(240)
    count = len(calls)
    assert (calls[0] - begin >= 0.05) or at_once
    time.sleep(0.2)
    assert len(calls) == count
    assert "calls" not in {thread.name for thread in threading.enumerate()}


def test_a_block_that_ends_early_has_no_call() -> None:
    calls: list[int] = []
    with repeated(lambda: calls.append(1), 60, "calls"):
        pass
    assert calls == []


def test_the_end_waits_for_a_call_no_longer_than_between_two() -> None:
    go_on, begun = threading.Event(), threading.Event()

    def action() -> None:
        begun.set()
        go_on.wait(600)

    begin = time.monotonic()
    with repeated(action, 0.2, "calls", at_once=True):
        assert begun.wait(240)
    assert time.monotonic() - begin < 300
    go_on.set()
