"""What ends a session before its search."""

from __future__ import annotations

import signal
import time
from threading import Event

import pytest

from pcsearch.engine.execution.interruption import SIGNALS, Interruption


@pytest.mark.usefixtures("heeded_hangup")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_the_session_and_the_second_the_process(number: int) -> None:
    original = signal.getsignal(number)
    interruption = Interruption()
    with interruption.by_signals():
        assert not interruption.is_due()
        signal.raise_signal(number)
        assert interruption.is_due()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert interruption.reason == "signal"
    assert signal.getsignal(number) is original


def test_a_session_under_nohup_does_not_end_with_its_terminal() -> None:
    original = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        interruption = Interruption()
        with interruption.by_signals():
            signal.raise_signal(signal.SIGHUP)
            assert not interruption.is_due()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, original)


def test_a_session_ends_at_its_deadline() -> None:
    assert not Interruption(time.monotonic() + 60).is_due()
    interruption = Interruption(time.monotonic())
    assert interruption.is_due()
    assert interruption.reason == "time"


def test_the_first_reason_counts() -> None:
    interruption = Interruption(time.monotonic())
    interruption.request("storage")
    assert interruption.is_due()
    assert interruption.reason == "storage"


def test_a_session_ends_when_its_program_says_so() -> None:
    stop = Event()
    interruption = Interruption(stop=stop)
    assert not interruption.is_due()
    stop.set()
    assert interruption.is_due()
    assert interruption.reason == "stop"


def test_the_first_signal_is_the_first_one_where_the_session_ends_for_another_reason() -> None:
    """A batch system sends it while the session, whose time is up, still ends."""
    interruption = Interruption(time.monotonic())
    assert interruption.is_due()
    with interruption.by_signals():
        signal.raise_signal(signal.SIGTERM)
        assert interruption.reason == "time"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
