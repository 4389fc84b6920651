"""The thread that asks W&B's server, with W&B's real client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
from wandb_server import Run, Sweep, WandbServer

from pcsearch.engine.records.journal.events import Claimed, Released
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Claim
from pcsearch.tracking.ledger import claims as claims_module
from pcsearch.tracking.ledger import outage
from pcsearch.tracking.ledger import sweep_ledger as module
from pcsearch.tracking.ledger.sweep_ledger import SweepLedger
from pcsearch.tracking.ledger.terms import Terms
from pcsearch.tracking.server import sweep_runs
from pcsearch.tracking.server.api import NoAnswer, connect
from pcsearch.tracking.server.sweep_runs import SweepRuns

Make = Callable[..., SweepLedger]


@pytest.fixture
def sweep(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    for name in ("POLL_S", "WAIT_POLL_S", "RETRY_S"):
        monkeypatch.setattr(module, name, 0.05)
    server.sweeps["abc"] = Sweep("team", "pc", "abc", "method: grid")
    return server.sweeps["abc"]


@pytest.fixture
def make(sweep: Sweep, tmp_path: Path) -> Make:
    assert sweep.state == "PENDING"

    def made(terms: Terms, *own: Claim, tell: Callable[[str], None] = print) -> SweepLedger:
        runs = SweepRuns(connect(), "abc", "pc", "team")
        return SweepLedger(runs, terms, own, Journal(tmp_path), tell)

    return made


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def run_of(server: WandbServer, name: str, exit_code: int | None, **summary: object) -> Run:
    run = server.runs[name] = Run("team", "pc", name, sweep="abc", exit_code=exit_code)
    run.summary = summary
    return run


def test_claims_are_written_down_and_those_not_used_are_given_back(
    make: Make, server: WandbServer, sweep: Sweep, tmp_path: Path
) -> None:
    run_of(server, "abc_1", 0)
    ledger = make(Terms(3, 5))
    offers = ledger.offers
    with ledger.running():
        wait_for(lambda: offers.is_ready)
        first = offers.claim()
        assert first is not None
        assert (first.number, sweep.state) == (2, "RUNNING")
        offers.claim()
        wait_for(lambda: offers.is_ready)
    ledger.finish([first.trial_id], is_over=False, reached_target=False)
    assert set(server.runs) == {"abc_1", "abc_2"}
    events = [
        event for event in Journal(tmp_path).events() if isinstance(event, Claimed | Released)
    ]
    assert [(type(event), event.trial) for event in events] == [
        (Claimed, "abc_2"),
        (Claimed, "abc_3"),
        (Released, "abc_3"),
    ]
    assert sweep.state == "RUNNING"


def test_a_pause_is_noticed_also_where_the_runs_are_not_listed(
    make: Make, server: WandbServer, sweep: Sweep
) -> None:
    told: list[str] = []
    sweep.state = "PAUSED"
    server.refusals["Runs"] = "too many requests"
    ledger = make(Terms(3, 5), tell=told.append)
    with ledger.running():
        wait_for(lambda: ledger.offers.access == "paused")
    assert told == ["W&B: the sweep is paused; no new trial starts until it is resumed"]


@pytest.mark.parametrize(
    ("exit_code", "status", "state"),
    [
        (0, "finished", "FINISHED"),
        (1, "failed", "FINISHED"),
        (1, "interrupted", "RUNNING"),
        (None, None, "RUNNING"),
    ],
)
def test_a_sweep_is_finished_when_all_its_trials_have_ended(
    exit_code: int | None,
    status: str | None,
    state: str,
    make: Make,
    server: WandbServer,
    sweep: Sweep,
) -> None:
    sweep.state = "RUNNING"
    run_of(server, "abc_1", 0)
    run_of(server, "abc_2", exit_code, trial_status=status)
    ledger = make(Terms(2, 0), Claim(1, "abc_1"))
    with ledger.running():
        wait_for(lambda: server.count("Runs") > 0)
    ledger.finish(["abc_1"], is_over=True, reached_target=False)
    assert sweep.state == state


@pytest.mark.parametrize(
    ("terms", "own", "runs", "state"),
    [
        (Terms(None, 0), ["abc_1"], {"abc_1": 0}, "RUNNING"),
        (Terms(None, 0, owns_sweep=True), ["abc_1"], {"abc_1": 0}, "FINISHED"),
        (Terms(None, 0, owns_sweep=True), ["abc_1"], {"abc_1": 0, "abc_2": 0}, "RUNNING"),
        (Terms(2, 0, owns_sweep=True), ["abc_1"], {"abc_1": 0}, "RUNNING"),
        # The other run is what a lost answer has left.
        (
            Terms(None, 0, owns_sweep=True, has_one_driver=True),
            ["abc_1"],
            {"abc_1": 0, "abc_2": None},
            "FINISHED",
        ),
        # It has given its trial up, which another driver runs again.
        (Terms(1, 0, owns_sweep=True), [], {"abc_1": None, "abc_1_2": None}, "RUNNING"),
    ],
)
def test_a_search_that_made_its_sweep_finishes_it_if_nothing_is_left_for_others(
    terms: Terms,
    own: list[str],
    runs: dict[str, int | None],
    state: str,
    make: Make,
    server: WandbServer,
    sweep: Sweep,
) -> None:
    for name, exit_code in runs.items():
        run_of(server, name, exit_code)
    ledger = make(terms, *(Claim(1, run_id) for run_id in own))
    with ledger.running():
        wait_for(lambda: sweep.state == "RUNNING")
    ledger.finish(["abc_1"], is_over=True, reached_target=False)
    assert sweep.state == state


def test_a_dead_driver_is_waited_for_until_its_number_is_free(
    make: Make, server: WandbServer
) -> None:
    told: list[str] = []
    run = run_of(server, "abc_1", None)
    ledger = make(Terms(1, 1), tell=told.append)
    offers = ledger.offers
    with ledger.running():
        wait_for(lambda: server.count("Runs") > 4)
        assert not offers.is_ready
        before = server.count("Runs")
        wait_for(lambda: server.count("Runs") > before + 4)
        assert not offers.is_exhausted
        server.sweep_runs.crash(run)
        wait_for(lambda: offers.is_ready)
        claim = offers.claim()
    assert claim is not None
    assert (claim.number, claim.trial_id) == (1, "abc_1_2")
    ledger.finish([], is_over=False, reached_target=False)
    assert not told, "the wait was short"


def test_a_driver_that_lives_is_not_waited_for(make: Make, server: WandbServer) -> None:
    run = run_of(server, "abc_1", None)
    ledger = make(Terms(1, 1))
    with ledger.running():
        wait_for(lambda: server.count("Runs") > 4)
        assert not ledger.offers.is_ready
        run.heartbeat_at = "later"
        wait_for(lambda: ledger.offers.is_exhausted)
    ledger.finish([], is_over=True, reached_target=False)


def test_a_resumed_search_gives_up_what_others_run_and_the_sweep_runs_again(
    make: Make, server: WandbServer, sweep: Sweep, tmp_path: Path
) -> None:
    sweep.state = "FINISHED"
    for name in ("abc_1", "abc_2"):
        server.sweep_runs.crash(run_of(server, name, None))
    run_of(server, "abc_1_2", 0)
    run_of(server, "abc_3", None).display_name = "0003_claimed_mine"
    run_of(server, "abc_4", None).display_name = "0004_claimed_theirs"
    told: list[str] = []
    ledger = make(Terms(9, 9), Claim(1, "abc_1"), Claim(2, "abc_2"), tell=told.append)
    claims = [Claim(3, "abc_3", "0003_claimed_mine"), Claim(4, "abc_4", "0004_claimed_mine")]
    assert ledger.begin(["abc_1", "abc_2"], claims) == ["abc_1"]
    assert sweep.state == "RUNNING"
    assert server.sweep_runs.state_of(server.runs["abc_2"]) == "running"
    assert ledger.offers.claim() == claims[0]
    assert ledger.offers.claim() is None
    assert [*Journal(tmp_path).events()] == [Released("abc_4")]
    assert not told


def test_a_search_with_one_driver_gives_no_trial_up(make: Make, server: WandbServer) -> None:
    """An outage has left a run of the number, and the trial that runs has another id."""
    run_of(server, "abc_1", None)
    run_of(server, "7f3a11c2", None).display_name = "0001_7f3a11c2"
    own, terms = Claim(1, "7f3a11c2"), Terms(None, 5, owns_sweep=True)
    assert make(terms, own).begin(["7f3a11c2"], []) == ["7f3a11c2"]
    assert make(replace(terms, has_one_driver=True), own).begin(["7f3a11c2"], []) == []


def test_a_search_that_nobody_shares_does_not_wait_for_a_server_that_is_away(
    make: Make, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PROBE_S", 0.05)
    monkeypatch.setattr(module, "FIRST_POLL_S", 0.0)
    monkeypatch.setattr(module, "PATIENCE_S", 600.0)
    told: list[str] = []
    is_back, asked = threading.Event(), SweepRuns.state

    def state(runs: SweepRuns) -> str:
        if not is_back.is_set() and not (claims and is_back.wait(600)):
            raise NoAnswer("no answer in 8 s")
        return asked(runs)

    monkeypatch.setattr(SweepRuns, "state", state)
    server.refusals |= dict.fromkeys(("Runs", "UpsertBucket"), "try again later")
    ledger = make(Terms(None, 9, owns_sweep=True, is_new=True), tell=told.append)
    offers = ledger.offers
    claims: list[Claim] = []

    def take() -> bool:
        claim = offers.claim()
        claims.extend([] if claim is None else [claim])
        return claim is not None

    start = time.monotonic()
    with ledger.running():
        for _ in range(4):
            wait_for(take)
            time.sleep(0.1)
        assert time.monotonic() - start < 300
        assert [claim.number for claim in claims] == [1, 2, 3, 4], "the draws of the same --seed"
        server.refusals.clear()
        is_back.set()
        wait_for(lambda: take() and claims[-1].trial_id == f"abc_{claims[-1].number}")
    assert [claim.number for claim in claims] == list(range(1, len(claims) + 1))
    ledger.finish([], is_over=False, reached_target=False)
    assert not told


def test_the_lost_answer_to_a_claim_makes_no_other_driver(
    make: Make, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SweepRuns.make

    def lose(runs: SweepRuns, run_id: str, name: str | None = None) -> bool | None:
        made(runs, run_id, name)
        monkeypatch.setattr(SweepRuns, "make", made)
        raise NoAnswer("no answer in 8 s")

    monkeypatch.setattr(outage, "PROBE_S", 0.05)
    monkeypatch.setattr(SweepRuns, "make", lose)
    ledger = make(Terms(9, 9, owns_sweep=True))
    with ledger.running():
        wait_for(lambda: ledger.offers.is_ready)
        guessed = ledger.offers.claim()
        assert guessed is not None
        assert (guessed.number, set(server.runs)) == (1, {"abc_1"})
        wait_for(lambda: server.count("Runs") > 4)
        wait_for(lambda: ledger.offers.claim() == Claim(2, "abc_2", ANY))
    ledger.finish([], is_over=False, reached_target=False)


def test_a_resumed_search_lists_every_run_the_first_time(
    make: Make, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_runs, "PER_PAGE", 2)
    for number in range(1, 6):
        run_of(server, f"abc_{number}", 0, loss=1.0)
    own = [Claim(number, f"abc_{number}") for number in (1, 3, 4)]
    ledger = make(Terms(6, 9, ("loss",)), *own)
    assert ledger.begin([], []) == []
    assert {result.trial_id for result in ledger.offers.new_results()} == {"abc_2", "abc_5"}


def test_a_number_that_others_were_faster_to_claim_is_no_end(
    make: Make, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "TRIES", 0)
    ledger = make(Terms(1, 1))
    with ledger.running():
        assert not ledger.offers.is_ready
        wait_for(lambda: server.count("Runs") > 6)
        assert not ledger.offers.is_exhausted
        monkeypatch.setattr(claims_module, "TRIES", 1)
        wait_for(lambda: ledger.offers.claim() == Claim(1, "abc_1", ANY))
    ledger.finish([], is_over=False, reached_target=False)


def test_trials_that_wait_for_a_slot_give_signs_of_life(
    make: Make, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SIGN_S", 0.05)
    runs = [run_of(server, name, None) for name in ("abc_1", "abc_2", "abc_3")]
    server.sweep_runs.crash(run_of(server, "abc_4", None))
    run_of(server, "abc_4_2", None)
    own = [Claim(number, f"abc_{number}") for number in range(1, 5)]
    ledger = make(Terms(4, 0), *own)
    assert ledger.begin([claim.trial_id for claim in own], []) == ["abc_4"]
    ledger.offers.note_running("abc_1")
    with ledger.running():
        for run in runs:
            server.sweep_runs.crash(run)
        alive = server.sweep_runs.state_of
        wait_for(lambda: [alive(run) for run in runs] == ["crashed", "running", "running"])
    ledger.finish([], is_over=False, reached_target=False)
    assert alive(server.runs["abc_4"]) == "crashed"
