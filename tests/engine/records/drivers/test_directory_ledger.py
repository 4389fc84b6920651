"""Drivers that share the trials of a search by their journals."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from filelock import FileLock

from pcsearch.engine.records.drivers import directory_ledger
from pcsearch.engine.records.drivers.directory_ledger import FILE, LOCK_FILE, DirectoryLedger
from pcsearch.engine.records.drivers.driver_directories import DRIVERS
from pcsearch.engine.records.journal.events import ReachedTarget, Suggested, TrialEnded
from pcsearch.engine.records.journal.history import History, folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.ledger import Claim, OtherResult
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.lock import locked

CLAIMING = """
import sys, time
from pathlib import Path
from pcsearch.engine.records.drivers.directory_ledger import FILE, LOCK_FILE, DirectoryLedger
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.events import (Suggested, TrialEnded)
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.storage.lock import locked

place, last = Path(sys.argv[1]), int(sys.argv[2])
place.mkdir(parents=True, exist_ok=True)
ledger, journal = DirectoryLedger(place, History(), 60, 60), Journal(place)
with locked(place):
    print("begun", flush=True)
    while not ledger.is_exhausted:
        claim = ledger.claim()
        if claim is not None:
            journal.add(Suggested(claim.trial_id, claim.number))
            if claim.number >= last:
                print("hangs", flush=True)
                time.sleep(600)
            time.sleep(0.01)
            journal.add(TrialEnded(claim.trial_id, False, [1.0]))
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


def ledger_of(directory: Path, limit: int, budget: int = 99) -> DirectoryLedger:
    """The ledger of a driver in a new session."""
    return DirectoryLedger(directory, read_history(directory), limit, budget)


def suggest(ledger: DirectoryLedger, directory: Path) -> Claim | None:
    """What the trial source does with a claim."""
    claim = ledger.claim()
    if claim is not None:
        Journal(directory).add(Suggested(claim.trial_id, claim.number))
    return claim


def number(claim: Claim | None) -> int | None:
    return None if claim is None else claim.number


def test_drivers_take_turns(search: Path, other: Path) -> None:
    here, there = ledger_of(search, 4), ledger_of(other, 4, budget=1)
    assert [number(suggest(here, search)) for _ in range(2)] == [1, 2]
    assert number(suggest(there, other)) == 3
    assert there.is_exhausted, "this driver was to run one"
    assert suggest(there, other) is None
    assert number(suggest(here, search)) == 4
    with locked(other):
        assert not here.is_exhausted
        assert suggest(here, search) is None
        assert here.is_exhausted
    # Its numbers have gaps, and it knows why.
    assert read_history(search).is_shared
    assert read_history(other).is_shared


def test_a_driver_that_is_alone_writes_no_more_than_its_claims(search: Path) -> None:
    here = ledger_of(search, 3)
    assert [number(suggest(here, search)) for _ in range(4)] == [1, 2, 3, None]
    assert here.is_exhausted
    assert not read_history(search).is_shared
    lines = (search / FILE).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"number": n, "driver": ""} for n in (1, 2, 3)]


def test_a_resumed_driver_keeps_its_numbers_and_takes_those_that_were_lost(
    search: Path, other: Path
) -> None:
    there = ledger_of(other, 9)
    assert number(suggest(there, other)) == 1
    before = ledger_of(search, 9)
    assert number(suggest(before, search)) == 2
    # It was killed before it began the trial.
    assert number(before.claim()) == 3
    here = ledger_of(search, 9)
    assert [number(suggest(here, search)) for _ in range(3)] == [3, 4, 5]


def test_a_search_without_claims_goes_on_behind_its_trials(search: Path) -> None:
    """As one of an earlier version."""
    for count in (1, 2):
        Journal(search).add(Suggested(f"t{count}", count))
    assert number(suggest(ledger_of(search, 9), search)) == 3


def test_while_another_driver_claims_a_driver_waits_for_nobody(search: Path) -> None:
    here = ledger_of(search, 4)
    lock = FileLock(search / LOCK_FILE)
    with lock:
        assert here.claim() is None
        assert not here.is_ready
        assert not here.is_exhausted
    assert here.is_ready
    assert number(suggest(here, search)) == 1


def test_a_claim_that_a_kill_has_cut_counts_for_nobody(search: Path, other: Path) -> None:
    assert number(suggest(ledger_of(search, 9), search)) == 1
    with (search / FILE).open("a") as file:
        file.write('{"number": 2, "dri')
    assert number(suggest(ledger_of(other, 9), other)) == 2
    assert number(suggest(ledger_of(search, 9), search)) == 3


def test_the_trials_of_a_driver_that_is_dead_run_elsewhere_one_by_one(
    search: Path, other: Path
) -> None:
    here, there = ledger_of(search, 4, budget=2), ledger_of(other, 4)
    lost = [suggest(there, other) for _ in range(3)]
    assert lost[0] is not None
    Journal(other).add(TrialEnded(lost[0].trial_id, False, [1.0]))
    with (other / "journal.jsonl").open("a") as file:
        file.write('{"event": "sugg')
    assert number(suggest(here, search)) == 4
    with locked(other):
        assert suggest(here, search) is None
    assert number(suggest(here, search)) == 2
    first, second, third = read_history(other).trials
    assert first.end is not None
    assert not first.end.elsewhere
    assert second.end == TrialEnded(second.id, False, [], elsewhere=True)
    assert third.end is None, "this driver was to run two trials, and the other can be resumed"
    assert suggest(here, search) is None
    with locked(search):
        assert ledger_of(other, 4).claim() is None


def test_a_number_above_the_limit_is_left_to_its_driver(search: Path, other: Path) -> None:
    there = ledger_of(other, 3)
    assert [number(suggest(there, other)) for _ in range(3)] == [1, 2, 3]
    here = ledger_of(search, 2)
    assert [number(suggest(here, search)) for _ in range(3)] == [1, 2, None]
    assert [trial.end is None for trial in read_history(other).trials] == [False, False, True]


def test_dead_drivers_are_looked_for_now_and_then(
    search: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ledger_of(other, 1)
    assert number(suggest(there, other)) == 1
    here = ledger_of(search, 1)
    with locked(other):
        assert here.claim() is None
    monkeypatch.setattr(directory_ledger, "POLL_S", 60.0)
    assert here.claim() is None
    monkeypatch.setattr(directory_ledger, "POLL_S", 0.0)
    assert number(here.claim()) == 1


def test_the_target_ends_the_search_for_all(search: Path, other: Path) -> None:
    here, there = ledger_of(search, 3), ledger_of(other, 3)
    claim = suggest(there, other)
    assert claim is not None
    assert number(suggest(here, search)) == 2
    assert here.access == "open"
    Journal(other).add(ReachedTarget(claim.trial_id, [0.1], 1))
    assert here.access == "closed"


def test_a_driver_learns_from_others_if_it_wants_to(search: Path, other: Path) -> None:
    claim = suggest(ledger_of(other, 3), other)
    assert claim is not None
    folder = other / folder_name(claim.number, claim.trial_id)
    folder.mkdir()
    (folder / "params.json").write_text('{"x": 1}')
    Journal(other).add(TrialEnded(claim.trial_id, False, [0.5]))
    for learns in (True, False):
        here = DirectoryLedger(search, History(), 9, 9, learns=learns)
        suggest(here, search)
        suggest(here, search)
        learned = [OtherResult(claim.trial_id, {"x": 1}, [0.5])] if learns else []
        assert here.new_results() == learned
        assert here.new_results() == []


def test_a_driver_whose_journal_is_damaged_is_told_once_and_keeps_its_numbers(
    search: Path, other: Path
) -> None:
    suggest(ledger_of(other, 3), other)
    (other / "journal.jsonl").write_text("{}\n")
    told: list[str] = []
    here = DirectoryLedger(search, History(), 3, 9, learns=True, tell=told.append)
    assert [number(suggest(here, search)) for _ in range(4)] == [2, 3, None, None]
    (line,) = told
    assert "drivers/other/journal.jsonl:1: the line is damaged" in line
    assert here.new_results() == []
    assert here.access == "open"


def test_an_event_of_a_trial_that_never_began_is_damage_too(search: Path, other: Path) -> None:
    suggest(ledger_of(other, 3), other)
    Journal(other).add(TrialEnded("never", False, [1.0]))
    told: list[str] = []
    DirectoryLedger(search, History(), 3, 9, tell=told.append)
    (line,) = told
    assert line.startswith(f"{other}: the journal is damaged: it lacks the trial 'never'")


def test_the_numbers_of_a_search_of_an_earlier_version_are_taken_at_its_start(
    search: Path, other: Path
) -> None:
    """Its first driver may have no slot for a new trial for hours."""
    for count in (1, 2):
        Journal(search).add(Suggested(f"t{count}", count))
    ledger_of(search, 9)
    assert number(suggest(ledger_of(other, 9), other)) == 3


def test_claims_that_are_lost_are_read_from_the_journals_of_all(search: Path, other: Path) -> None:
    here, there = ledger_of(search, 9), ledger_of(other, 9)
    for ledger, place in ((here, search), (there, other), (here, search)):
        assert suggest(ledger, place) is not None
    lines = (search / FILE).read_text().splitlines(keepends=True)
    (search / FILE).write_text(lines[0] + "x" + lines[1] + lines[2])
    assert number(suggest(ledger_of(search, 9), search)) == 4
    (search / FILE).unlink()
    assert number(suggest(ledger_of(other, 9), other)) == 5


def test_a_driver_knows_of_the_others_before_its_first_claim(
    search: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ledger_of(other, 9)
    claim = suggest(there, other)
    assert claim is not None
    Journal(other).add(ReachedTarget(claim.trial_id, [0.1], 1))
    monkeypatch.setattr(directory_ledger, "POLL_S", 60.0)
    here = ledger_of(search, 9)
    assert here.access == "closed"
    assert here.claim() is None


def test_a_full_disk_leaves_no_half_claim(
    search: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ledger_of(search, 9)
    assert number(suggest(here, search)) == 1
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        with pytest.raises(StorageError):
            here.claim()
    assert number(suggest(ledger_of(other, 9), other)) == 2


def fail(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_processes_that_claim_at_once_have_each_number_once(search: Path) -> None:
    places = [search, search / DRIVERS / "one", search / DRIVERS / "two"]
    root = str(Path(directory_ledger.__file__).parents[4])

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
        driver.communicate(timeout=240)
        assert driver.returncode == 0
    # What a driver that was killed at the end leaves is run by nobody but by itself, resumed.
    last = ledger_of(search, 60)
    while (claim := suggest(last, search)) is not None:
        Journal(search).add(TrialEnded(claim.trial_id, False, [1.0]))
    trials = [trial for place in places for trial in read_history(place).trials]
    ended = Counter(trial.number for trial in trials if trial.end and not trial.end.elsewhere)
    assert ended == Counter(range(1, 61))
