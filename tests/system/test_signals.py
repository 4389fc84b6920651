"""Handlers of signals for a while."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pcsearch.system.signals import ENDING, handled, was_received


@pytest.mark.usefixtures("heeded_hangup")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_goes_to_the_handler_while_the_block_runs(number: signal.Signals) -> None:
    got: list[int] = []
    before = signal.getsignal(number)
    with handled(ENDING, lambda number, _: got.append(number)):
        os.kill(os.getpid(), number)
        assert got == [number]
    assert was_received()
    assert signal.getsignal(number) is before


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handled(ENDING, lambda *_: pytest.fail("it is ignored")):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_nothing() -> None:
    before, found = signal.getsignal(signal.SIGTERM), list[object]()

    def look() -> None:
        with handled(ENDING, lambda *_: None):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
