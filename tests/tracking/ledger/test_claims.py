"""How drivers agree at the server who runs a number, with W&B's real client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from wandb_server import Sweep, WandbServer

from pcsearch.engine.records.journal.events import Claimed, Released
from pcsearch.engine.records.ledger import Claim
from pcsearch.tracking.ledger import claims as module
from pcsearch.tracking.ledger.claims import claim_number, got, taken_over
from pcsearch.tracking.ledger.entries import Entries
from pcsearch.tracking.server.api import NoAnswer, connect
from pcsearch.tracking.server.sweep_runs import SweepRun, SweepRuns


class Driver:
    """What one driver knows of the sweep."""

    def __init__(self, own: tuple[Claim, ...] = ()) -> None:
        self.runs = SweepRuns(connect(), "abc", "pc", "team")
        self.entries = Entries("abc", own)
        self.events: list[Claimed | Released] = []

    def look(self) -> None:
        self.entries.update(self.runs.newest())

    def claim(self, limit: int | None = 9) -> Claim | None:
        return claim_number(self.runs, self.entries, limit, self.events.append)


@pytest.fixture(autouse=True)
def sweep(server: WandbServer) -> Sweep:
    server.sweeps["abc"] = Sweep("team", "pc", "abc", "method: grid")
    return server.sweeps["abc"]


def test_drivers_that_claim_at_once_get_every_number_once(server: WandbServer) -> None:
    server.latency = 0.01
    drivers = [Driver() for _ in range(4)]
    claims: list[Claim] = []
    together = threading.Barrier(len(drivers))

    def claim_all(driver: Driver) -> None:
        together.wait()
        while (claim := driver.claim(limit=12)) is not None:
            claims.append(claim)

    threads = [threading.Thread(target=claim_all, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claim.number for claim in claims) == list(range(1, 13))
    assert {claim.trial_id for claim in claims} == set(server.runs)
    assert {run.sweep for run in server.runs.values()} == {"abc"}


def test_a_number_is_not_lost_where_the_server_does_not_answer_after_the_run_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, one = Driver(), Driver()
    assert other.claim() is not None
    one.look()
    make, of_ids = SweepRuns.make, SweepRuns.of_ids

    def make_only(self: SweepRuns, run_id: str, name: str | None = None) -> bool | None:
        if name is not None:
            raise NoAnswer("busy")
        return make(self, run_id)

    with monkeypatch.context() as patched:
        patched.setattr(SweepRuns, "make", make_only)
        claim = one.claim()
    assert claim is not None, "without its mark it is a claim as well"
    # Of a number whose run has crashed, the earlier runs are asked for.
    one.entries.update([SweepRun("abc_9", "9", "crashed")])
    asked: list[str] = []

    def no_answer(self: SweepRuns, ids: Any, with_results: bool = False) -> list[SweepRun]:
        ids = list(ids)
        asked.extend(ids)
        if "abc_9" in ids:
            raise NoAnswer("busy")
        return of_ids(self, ids, with_results)

    monkeypatch.setattr(one.entries, "next_free", lambda _: 9)
    with monkeypatch.context() as patched:
        patched.setattr(SweepRuns, "of_ids", no_answer)
        with pytest.raises(NoAnswer):
            one.claim()
    assert "abc_9" in asked
    assert isinstance(one.events[-1], Released)
    assert one.entries.run("abc_9_2") is None
    assert "abc_9_2" not in {run.id for run in one.entries.others(ended=False)}
    again = one.claim()
    assert again is not None
    assert again.number == 9


def test_the_number_of_a_crashed_run_is_claimed_again_once(server: WandbServer) -> None:
    dead, one, other = Driver(), Driver(), Driver()
    first = dead.claim(limit=1)
    assert first is not None
    one.look()
    assert one.claim(limit=1) is None
    server.sweep_runs.crash(server.runs["abc_1"])
    one.look()
    other.look()
    again = one.claim(limit=1)
    assert again is not None
    assert (again.number, again.trial_id) == (1, "abc_1_2")
    assert other.claim(limit=1) is None
    # The dead driver is resumed, and gives way.
    resumed = Driver((first,))
    resumed.look()
    assert taken_over(resumed.runs, resumed.entries, ["abc_1"]) == {"abc_1"}


def test_a_driver_that_comes_back_first_keeps_its_number(server: WandbServer) -> None:
    first = Driver().claim(limit=1)
    assert first is not None
    server.sweep_runs.crash(server.runs["abc_1"])
    other, resumed = Driver(), Driver((first,))
    other.look()
    resumed.look()
    assert taken_over(resumed.runs, resumed.entries, ["abc_1"]) == set()
    assert other.claim(limit=1) is None
    assert set(server.runs) == {"abc_1"}


@pytest.mark.parametrize("between", ["make", "of_ids"])
def test_at_most_one_driver_runs_a_number_when_one_comes_back_while_another_takes_over(
    between: str, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Driver().claim(limit=1)
    assert first is not None
    server.sweep_runs.crash(server.runs["abc_1"])
    taker, resumed = Driver(), Driver((first,))
    taker.look()
    resumed.look()
    lost: list[set[str]] = []

    def come_back_after(method: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            answer = method(*arguments)
            lost.append(taken_over(resumed.runs, resumed.entries, ["abc_1"]))
            return answer

        return wrapped

    monkeypatch.setattr(taker.runs, between, come_back_after(getattr(taker.runs, between)))
    claim = taker.claim(limit=1)
    assert claim is None or lost[0] == {"abc_1"}, "one of the two gives way"


def test_a_driver_that_was_killed_knows_its_claims_by_their_marks(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MARK_S", 0.0)
    dead, other = Driver(), Driver()
    theirs = other.claim()
    dead.look()
    first = dead.claim()
    assert first is not None
    assert theirs is not None
    assert server.runs[first.trial_id].display_name == first.mark
    other.look()
    server.runs[theirs.trial_id].display_name = "0001_of_its_trial"
    # The answer to the third request has not come before the kill; nor the request of the fourth.
    dead.runs.make("abc_5")
    claims = [first, replace(theirs, mark="mine"), Claim(5, "abc_5", "m"), Claim(6, "abc_6", "n")]
    resumed = Driver()
    resumed.look()
    assert got(resumed.runs, resumed.entries, claims) == [first, claims[2]]
    assert server.runs["abc_5"].display_name == "m"


def test_the_id_of_a_run_that_was_deleted_is_passed_over(server: WandbServer) -> None:
    driver, later = Driver(), Driver()
    first = driver.claim()
    assert first is not None
    driver.runs.delete("abc_1")
    assert not server.runs
    second = later.claim()
    assert second is not None
    assert second.trial_id == "abc_1_2"
    assert later.events[1:] == [Released("abc_1"), Claimed("abc_1_2", 1, second.mark)]
