from __future__ import annotations

import threading
import time

import pytest

from pcsearch.tracking.ledger import outage as module
from pcsearch.tracking.ledger.outage import Outage


def test_an_outage_begins_after_a_while_and_ends_when_the_server_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, is_back, asked = [1000.0], threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr(module, "PROBE_S", 0.01)

    def probe() -> None:
        asked.release()
        if not is_back.is_set():
            raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(module.time, "monotonic", lambda: now[0])
        outage = Outage(probe)
        assert not outage.failed(20.0)
        now[0] += 19
        assert not outage.failed(20.0)
        outage.answered()
        now[0] += 2
        assert not outage.failed(20.0), "it has answered meanwhile"
        now[0] += 20
        assert not outage.is_on
        assert outage.failed(20.0)
    assert asked.acquire(timeout=240)
    assert asked.acquire(timeout=240)
    assert outage.is_on
    is_back.set()
    end = time.monotonic() + 240
    while outage.is_on:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_thread_ends_with_the_search() -> None:
    outage = Outage(lambda: None)
    outage.failed(0.0)
    (thread,) = (each for each in threading.enumerate() if each.name == "ledger-probe")
    outage.stop()
    thread.join(30)
    assert not thread.is_alive()
