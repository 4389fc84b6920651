from __future__ import annotations

import threading

import pytest

from pcsearch.engine.records.ledger import Claim, OtherResult
from pcsearch.tracking.ledger import offers as module
from pcsearch.tracking.ledger.offers import SHORT_S, Offers


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_claim_is_made_when_it_is_asked_for_and_taken_once() -> None:
    offers = Offers(2)
    assert not offers.are_wanted
    assert offers.claim() is None
    assert offers.are_wanted
    assert not offers.is_ready
    offers.hand_over(Claim(4, "d"))
    assert (offers.is_ready, offers.are_wanted) == (True, False)
    assert offers.claim() == Claim(4, "d")
    assert not offers.is_exhausted
    offers.claim()
    offers.hand_over(Claim(5, "e"))
    assert offers.claim() == Claim(5, "e")
    assert (offers.is_exhausted, offers.is_ready, offers.claim()) == (True, True, None)
    assert not offers.are_wanted, "the driver has had its number of trials"


def test_claims_are_made_ahead_where_trials_are_short(clock: list[float]) -> None:
    offers = Offers(9)

    def take() -> None:
        offers.claim()
        offers.hand_over(Claim(1, "a"))
        assert offers.claim() is not None

    take()
    take()
    assert not offers.are_wanted, "at the start, slots are free"
    clock[0] += SHORT_S / 2
    take()
    assert offers.are_wanted
    offers.hand_over(Claim(2, "b"))
    clock[0] += 5
    assert not offers.take_back(6)
    assert offers.take_back(5) == [Claim(2, "b")]
    assert not offers.are_wanted
    clock[0] += SHORT_S
    take()
    assert not offers.are_wanted


def test_nothing_is_claimed_while_a_sweep_is_paused() -> None:
    offers = Offers(2)
    assert offers.allow("paused")
    assert not offers.allow("paused")
    assert offers.claim() is None
    assert not offers.are_wanted
    assert offers.allow("open")
    offers.claim()
    assert offers.are_wanted
    offers.has_nothing_left = True
    assert offers.is_exhausted
    assert not offers.allow("closed"), "it is over anyway"
    assert offers.access == "closed"


def test_results_are_given_once() -> None:
    offers, result = Offers(1), OtherResult("a", {"x": 1}, [2.0])
    offers.add_results([result])
    assert offers.new_results() == [result]
    assert offers.new_results() == []


def test_the_thread_wakes_for_work_and_for_the_end() -> None:
    offers, woken = Offers(1), []

    def work() -> None:
        while offers.await_work(lambda: offers.are_wanted, 60):
            woken.append(offers.are_wanted)
            offers.hand_over(Claim(1, "a"))

    thread = threading.Thread(target=work)
    thread.start()
    offers.claim()
    offers.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert woken in ([], [True])
