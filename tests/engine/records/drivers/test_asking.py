"""Another process asks the drivers of a search: who runs, who has heeded, who does not answer."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import ended, write_experiment
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers import asking
from pcsearch.engine.records.drivers.asking import (
    RunningDriver,
    ask,
    await_ends,
    drivers_of,
    not_running,
    split_trials,
)
from pcsearch.engine.records.drivers.driver_directories import driver_directory
from pcsearch.engine.records.drivers.requests import Request, Requests
from pcsearch.engine.records.journal.events import Suggested
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.storage import lease
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError

PAUSE = Request("pause", "ann on here")


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """The directory of a search of three trials."""
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2, 3]}}, [None], num_samples=3)
    return tmp_path / "here"


def running(directory: ExperimentDirectory) -> list[RunningDriver]:
    return [driver for driver in drivers_of(directory) if driver.lives()]


def test_all_drivers_that_run_are_asked_and_answer(search: Path) -> None:
    first = ExperimentDirectory(search)
    joined, dead = (ExperimentDirectory(driver_directory(search, name)) for name in ("b", "c"))
    for each in (joined, dead):
        each.path.mkdir(parents=True)
        Journal(each.path).add(Suggested(f"of_{each.name}", 7))
    assert running(first) == []
    with ExitStack() as stack:
        for each in (first, joined):
            stack.enter_context(heeding(each))
        drivers = running(joined)
        assert [len(driver.name) > 0 for driver in drivers] == [True, True]
        heard = ask(joined, PAUSE, drivers)
        # In the order in which they were seen to heed it.
        assert {tuple(driver.journal.numbers) for driver in heard} == {(1,), (7,)}
        assert len(Requests(first).names()) == 1
    await_ends(first, drivers)
    assert running(first) == []


def test_trials_of_all_drivers_have_begun_or_ended(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2, 3]}}, [ended([1.0]), None])
    joined = driver_directory(tmp_path / "here", "b")
    joined.mkdir(parents=True)
    Journal(joined).add(Suggested("t3", 3))
    directory = ExperimentDirectory(tmp_path / "here")
    drivers = drivers_of(directory)
    assert split_trials(directory, drivers, [3, 1, 2, 3], "trials") == ([2, 3], [1])
    with pytest.raises(PcsearchError, match=r"^trials: there is no trial 4 in .* are 1 to 3$"):
        split_trials(directory, drivers, [3, 4], "trials")


def test_one_that_ends_is_not_waited_for(search: Path) -> None:
    directory = ExperimentDirectory(search)
    with heeding(directory, release_after=1):
        drivers = running(directory)
        assert list(ask(directory, PAUSE, drivers)) == drivers
        await_ends(directory, drivers)
    assert ask(directory, PAUSE, drivers) == {}, "a request that it has not heeded"


def test_one_that_does_not_answer_is_told_with_its_process(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_S", 0.1)
    monkeypatch.setattr(asking, "END_S", 0.1)
    directory = ExperimentDirectory(search)
    with directory.owned():
        drivers = running(directory)
        with pytest.raises(PcsearchError, match=r"here: process \d+ on .* has not answered within"):
            ask(directory, PAUSE, drivers)
        with pytest.raises(PcsearchError, match=r"here: process \d+ on .* has not ended within"):
            await_ends(directory, drivers)


def test_a_damaged_journal_is_a_line(search: Path) -> None:
    directory = ExperimentDirectory(search)
    Journal(search).path.write_text("{\n")
    with directory.owned():
        drivers = running(directory)
        with pytest.raises(PcsearchError, match=r"journal\.jsonl:1: the line is damaged"):
            ask(directory, PAUSE, drivers)


def test_nobody_and_a_killed_process_are_told_apart(search: Path) -> None:
    directory = ExperimentDirectory(search)
    resume = f"resume it: python -m pcsearch --resume {search}"
    assert str(not_running(directory)) == f"{search}: nobody runs the search; {resume}"
    (search / ".owner").write_text("process 7 on node1")
    killed = " (its process 7 on node1 was killed)"
    assert str(not_running(directory)) == f"{search}: nobody runs the search{killed}; {resume}"


def test_a_driver_at_an_address_answers_by_its_journal_there(
    search: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.5)
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = Store("test://there/here", LocalFileSystem(), str(search))
    there, here = ExperimentDirectory.at(store), ExperimentDirectory.at(store)
    assert there.path != here.path
    there.fetch()
    with here.tidied():
        assert running(here) == []
        # The second file of a journal is read too.
        (there.path / "journal.0002.jsonl").write_text("")
        with heeding(there, release_after=1):
            drivers = running(here)
            assert list(ask(here, PAUSE, drivers)) == drivers
            await_ends(here, drivers)
        killed = {"id": "a", "process": 7, "host": "node1", "beats": 3}
        store.put(lease.FILE, json.dumps(killed).encode())
        (driver,) = running(here)
        assert driver.name == "process 7 on node1"
        end = time.monotonic() + 120
        while driver.lives():
            assert time.monotonic() < end
            time.sleep(0.05)
