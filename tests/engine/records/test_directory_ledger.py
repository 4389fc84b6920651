"""Drivers that share the trials of a search by their journals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pcsearch.engine.records import directory_ledger
from pcsearch.engine.records.directory_ledger import DirectoryLedger
from pcsearch.engine.records.drivers import DRIVERS
from pcsearch.engine.records.history import TrialHistory, folder_name, read_history
from pcsearch.engine.records.journal import Compared, Ended, Journal, ReachedTarget, Suggested
from pcsearch.engine.records.ledger import Claim, OtherResult
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.lock import locked
from pcsearch.errors import PcsearchError
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON

CLAIMING = """
import sys, time
from pathlib import Path
from pcsearch.engine.records.directory_ledger import DirectoryLedger
from pcsearch.engine.records.journal import Ended, Journal, Suggested
from pcsearch.engine.storage.lock import locked

place, last = Path(sys.argv[1]), int(sys.argv[2])
place.mkdir(parents=True, exist_ok=True)
ledger, journal = DirectoryLedger(place, [], 60, 60), Journal(place)
with locked(place):
    print("begun", flush=True)
    while not ledger.is_exhausted:
        claim = ledger.claim()
        if claim is not None:
            journal.add(Suggested(claim.trial_id, claim.number))
            ledger.settled()
            if claim.number >= last:
                print("hangs", flush=True)
                time.sleep(600)
            time.sleep(0.01)
            journal.add(Ended(claim.trial_id, False, [1.0]))
"""
"""A driver whose trials end at once, up to a number at which it hangs."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_ledger, "POLL_S", 0.0)


@pytest.fixture
def search(tmp_path: Path) -> Path:
    (tmp_path / RECORD_FILE).touch()
    return tmp_path


@pytest.fixture
def other(search: Path) -> Path:
    """The directory of a driver that has joined."""
    folder = search / DRIVERS / "other"
    folder.mkdir(parents=True)
    return folder


def suggest(ledger: DirectoryLedger, directory: Path) -> Claim | None:
    """What the trial source does with a claim."""
    claim = ledger.claim()
    if claim is not None:
        Journal(directory).add(Suggested(claim.trial_id, claim.number))
        ledger.settled()
    return claim


def number(claim: Claim | None) -> int | None:
    return None if claim is None else claim.number


def test_drivers_take_turns(search: Path, other: Path) -> None:
    here, there = DirectoryLedger(search, [], 4, 4), DirectoryLedger(other, [], 4, 1)
    assert [number(suggest(here, search)) for _ in range(2)] == [1, 2]
    assert number(suggest(there, other)) == 3
    assert there.is_exhausted, "this driver was to run one"
    assert suggest(there, other) is None
    assert number(suggest(here, search)) == 4
    with locked(other):
        assert not here.is_exhausted
        assert suggest(here, search) is None
        assert here.is_exhausted


def test_a_resumed_driver_keeps_its_numbers(search: Path) -> None:
    own = [TrialHistory("a", 1, None, search), TrialHistory("b", 3, None, search)]
    taken = TrialHistory("c", 2, None, search, Ended("c", False, [], elsewhere=True))
    ledger = DirectoryLedger(search, [*own, taken], 9, 9)
    assert [number(suggest(ledger, search)) for _ in range(3)] == [2, 4, 5]


def test_while_a_driver_chooses_a_trial_others_wait(
    search: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_ledger, "LOCK_S", 0.05)
    here, there = DirectoryLedger(search, [], 4, 4), DirectoryLedger(other, [], 4, 4)
    assert number(here.claim()) == 1
    assert there.claim() is None
    assert not there.is_ready
    assert not there.is_exhausted
    Journal(search).add(Suggested("a", 1))
    here.settled()
    assert there.is_ready
    assert number(suggest(there, other)) == 2


def test_the_trials_of_a_driver_that_is_dead_run_elsewhere(search: Path, other: Path) -> None:
    here, there = DirectoryLedger(search, [], 3, 3), DirectoryLedger(other, [], 3, 3)
    lost = [suggest(there, other) for _ in range(2)]
    assert lost[0] is not None
    Journal(other).add(Ended(lost[0].trial_id, False, [1.0]))
    with (other / "journal.jsonl").open("a") as file:
        file.write('{"event": "sugg')
    assert number(suggest(here, search)) == 3
    with locked(other):
        assert suggest(here, search) is None
    assert number(suggest(here, search)) == 2
    first, second = read_history(other).trials
    assert first.end is not None
    assert not first.end.elsewhere
    assert second.end == Ended(second.id, False, [], elsewhere=True)
    assert suggest(here, search) is None
    assert here.is_exhausted


def test_the_target_ends_the_search_for_all(search: Path, other: Path) -> None:
    here = DirectoryLedger(search, [], 3, 3)
    journal = Journal(other)
    journal.add(Suggested("a", 1))
    assert here.access == "open"
    journal.add(ReachedTarget("a", [0.1], 1))
    assert here.access == "closed"


def test_results_of_others_are_learned_once(search: Path, other: Path) -> None:
    here = DirectoryLedger(search, [], 9, 9, learns=True)
    deaf = DirectoryLedger(search, [], 9, 9)
    ends = {
        "whole": Ended("whole", False, [0.5]),
        "failed": Ended("failed", True, [None], error="it broke"),
        "diverged": Ended("diverged", False, [0.1]),
        "cut": Ended("cut", False, [0.7]),
        "stopped": Ended("stopped", False, [0.7], by_hand=True),
        "other": Ended("other", False, [0.7], by_target=True),
        "nothing": Ended("nothing", False, [None]),
        "elsewhere": Ended("elsewhere", False, [], elsewhere=True),
        "running": None,
    }
    for count, (name, end) in enumerate(ends.items(), 1):
        Journal(other).add(Suggested(name, count))
        folder = other / folder_name(count, name)
        folder.mkdir()
        (folder / "params.json").write_text(json.dumps({"x": count}))
        if name == "diverged":
            report = {"training_iteration": 1, EARLY_STOP_REASON: DIVERGED}
            (folder / "result.json").write_text(json.dumps(report) + "\n")
        if name == "cut":
            Journal(other).add(Compared("cut", 1, 0.7, True))
        if end is not None:
            Journal(other).add(end)
    for ledger in (here, deaf):
        assert number(suggest(ledger, search)) is not None
    learned = here.new_results()
    assert learned == [
        OtherResult("whole", {"x": 1}, [0.5]),
        OtherResult("failed", {"x": 2}, None),
        OtherResult("diverged", {"x": 3}, None),
    ]
    assert (here.new_results(), deaf.new_results()) == ([], [])


def test_a_damaged_journal_of_another_driver_is_named(search: Path, other: Path) -> None:
    (other / "journal.jsonl").write_text("{}\n")
    with pytest.raises(PcsearchError, match=r"drivers/other/journal.jsonl:1: the line is damaged"):
        DirectoryLedger(search, [], 9, 9).claim()


def test_processes_that_claim_at_once_have_each_number_once(search: Path) -> None:
    places = [search, search / DRIVERS / "one", search / DRIVERS / "two"]
    root = str(Path(directory_ledger.__file__).parents[3])

    def start(place: Path, last: int) -> subprocess.Popen[str]:
        driver = subprocess.Popen(
            [sys.executable, "-c", CLAIMING, str(place), str(last)],
            env=os.environ | {"PYTHONPATH": root},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert driver.stdout is not None
        assert driver.stdout.readline() == "begun\n"
        return driver

    killed = start(places[2], 3)
    drivers = [start(place, 99) for place in places[:2]]
    assert killed.stdout is not None
    assert killed.stdout.readline() == "hangs\n"
    killed.kill()
    killed.communicate()
    for driver in drivers:
        driver.communicate(timeout=60)
        assert driver.returncode == 0
    # What a driver that was killed at the end leaves is run by nobody but by itself, resumed.
    last = DirectoryLedger(search, read_history(search).trials, 60, 60)
    while (claim := suggest(last, search)) is not None:
        Journal(search).add(Ended(claim.trial_id, False, [1.0]))
    trials = [trial for place in places for trial in read_history(place).trials]
    ended = Counter(trial.number for trial in trials if trial.end and not trial.end.elsewhere)
    assert ended == Counter(range(1, 61))
