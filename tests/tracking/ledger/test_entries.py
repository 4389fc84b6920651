from __future__ import annotations

from dataclasses import replace

import pytest

from pcsearch.engine.records.ledger import Claim
from pcsearch.tracking.ledger import entries as module
from pcsearch.tracking.ledger.entries import LIVELY_S, SILENT_S, Entries
from pcsearch.tracking.server.sweep_runs import SweepRun

CRASHED, RUNNING, DONE = "crashed", "running", "finished"


def run(run_id: str, state: str = RUNNING, name: str = "", heartbeat: str = "1") -> SweepRun:
    return SweepRun(run_id, name, state, heartbeat)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_the_lowest_number_without_a_run_is_free_and_then_those_whose_runs_have_crashed() -> None:
    entries = Entries("abc", [Claim(3, "mine")])
    assert entries.next_free(4) == 1
    # Runs are known by their ids, else by their names; W&B's agents' have neither.
    entries.update([run("abc_1", CRASHED), run("x", DONE, "0002_x"), run("agent", name="happy")])
    assert entries.next_free(4) == 4
    assert [entries.is_unmarked(each) for each in ("abc_1", "x", "none")] == [True, False, False]
    entries.update([run("abc_4"), run("mine", CRASHED, "0003_mine")])
    assert entries.next_free(4) == 1
    assert entries.next_id(1) == "abc_1_2"
    entries.update([run("abc_1_2")])
    assert entries.next_free(4) is None
    entries.remove("x")
    assert entries.next_free(4) == 2, "somebody has deleted its run"
    assert entries.next_id(2) == "abc_2"


def test_drivers_seldom_want_the_same_number() -> None:
    entries = Entries("abc")
    entries.update([run("abc_1"), run("abc_2"), run("abc_4", DONE)])
    assert {entries.next_free(None) for _ in range(100)} == {3, 5}
    assert {entries.next_free(4) for _ in range(20)} == {3}


def test_the_id_of_a_deleted_run_is_not_used_again() -> None:
    entries = Entries("a-b.c")
    assert entries.next_id(7) == "a_b_c_7"
    entries.remove("a_b_c_7")
    assert entries.next_id(7) == "a_b_c_7_2"


def test_a_run_is_known_when_the_server_has_told_of_it() -> None:
    entries = Entries("abc", [Claim(1, "mine")])
    assert not entries.knows("mine")
    entries.update([run("mine")])
    assert entries.knows("mine")


def test_a_guess_is_one_of_the_free_numbers() -> None:
    entries = Entries("abc", [Claim(2, "mine")])
    entries.update([run("abc_4", DONE), run("abc_5", CRASHED)])
    assert {entries.guessed_free(5) for _ in range(100)} == {1, 3, 5}
    without_end = {entries.guessed_free(None) for _ in range(20)}
    assert len(without_end) > 10, "drivers that are cut off guess apart"
    full = Entries("abc", [Claim(1, "mine")])
    assert full.guessed_free(1) is None


def test_a_space_of_billions_is_not_listed() -> None:
    entries = Entries("abc", [Claim(2, "mine")])
    last = 2**31 - 1
    assert len({entries.guessed_free(last) for _ in range(20)}) > 10
    assert not entries.all_have(last, ["mine"])


def test_a_run_that_gives_no_sign_of_life_is_unclear_until_the_server_must_know(
    clock: list[float],
) -> None:
    entries = Entries("abc", [Claim(9, "mine")])
    entries.update([run("abc_1"), run("abc_2"), run("abc_3", DONE), run("abc_4", CRASHED)])
    clock[0] += 5
    start = clock[0]
    assert {each.id for each in entries.unclear(start)} == {"abc_1", "abc_2"}
    clock[0] += 5
    entries.update([run("abc_1", heartbeat="2"), run("abc_5")])
    assert {each.id for each in entries.unclear(start)} == {"abc_2"}, "new runs live"
    clock[0] += LIVELY_S + 1
    assert {each.id for each in entries.unclear(start)} == {"abc_1", "abc_2", "abc_5"}
    clock[0] += SILENT_S
    assert not entries.unclear(start)


def test_a_number_has_rivals_while_another_run_of_it_has_not_crashed() -> None:
    entries = Entries("abc", [Claim(1, "abc_1")])
    assert not entries.rivals("abc_1")
    entries.update([run("abc_1_2", CRASHED)])
    assert not entries.rivals("abc_1")
    rival = run("abc_1_2", DONE)
    entries.update([rival])
    assert entries.rivals("abc_1") == [rival]
    assert entries.others(ended=True) == [rival]
    entries.leave("abc_1")
    entries.update([replace(rival, state=CRASHED), run("abc_1", CRASHED)])
    assert entries.next_free(1) == 1


def test_all_numbers_have_ended_runs() -> None:
    entries = Entries("abc", [Claim(1, "mine")])
    entries.update([run("abc_2", DONE)])
    assert entries.all_have(2, ["mine", "abc_2"])
    assert not entries.all_have(3, ["mine", "abc_2"])
    assert not entries.all_have(2, ["mine"])
