"""What a driver that joins a search takes from it, and what it has of its own."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment
from searching import write_sweep

from pcsearch.engine.execution.preparation import locked_directory
from pcsearch.engine.experiment import joining
from pcsearch.engine.experiment.experiment import Experiment, samples_of_search
from pcsearch.engine.experiment.joining import (
    directory_ledger,
    is_over,
    joined_experiment,
    other_trials,
)
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.directory_ledger import DirectoryLedger
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.records.journal.events import Claimed, Suggested, TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.storage.lock import locked
from pcsearch.errors import PcsearchError

MOMENTUM = {"hidden_momentum": {"values": [0.0, 0.1, 0.2, 0.3]}}


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """The directory of a search of four trials, of which two have begun."""
    folder = tmp_path / "here"
    write_experiment(folder, MOMENTUM, [ended([1.0]), None], num_samples=4)
    return folder


def test_a_driver_has_a_directory_and_a_count_of_its_own(search: Path) -> None:
    with locked(search):
        joined, tracking = joined_experiment(str(search), {"num_samples": 3, "max_concurrent": 2})
    assert search_directory(joined.directory.path) == search
    assert (joined.cap, joined.options.max_concurrent) == (3, 2)
    assert joined.options.seed == 0, "the draws of a number are the same for all drivers"
    assert not joined.history.trials
    assert not joined.resumed
    assert tracking == {"wandb": "disabled"}
    with (
        locked(search),
        joined.directory.created(joined.sweep.text, {"options": {}, "folder": "", "tracking": {}}),
    ):
        # The directory of a driver stands for that of the search.
        again, _ = joined_experiment(str(joined.directory.path), {})
        first, _ = resumed_experiment(ExperimentDirectory(search), {})
        assert number(directory_ledger(first)) == 3
        assert number(directory_ledger(joined)) == 4
        assert number(directory_ledger(again)) is None
    assert again.directory.path.parent == joined.directory.path.parent
    assert again.directory.path != joined.directory.path
    assert again.cap == 4


def joining_driver(search: Path) -> Experiment:
    """The search of a driver that joins, with a directory that is still empty."""
    with locked(search):
        joined, _ = joined_experiment(str(search), {})
    joined.directory.path.mkdir(parents=True)
    return joined


def number(ledger: DirectoryLedger | None) -> int | None:
    assert ledger is not None
    claim = ledger.claim()
    return None if claim is None else claim.number


def test_a_search_that_nobody_runs_is_not_joined(
    search: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "START_S", 0.3)
    monkeypatch.setattr(joining, "LOCK_S", 0.3)
    with pytest.raises(PcsearchError, match=r"--join: nobody runs the search .*here; resume it"):
        joined_experiment(str(search), {})
    with pytest.raises(PcsearchError, match="no experiment is here"):
        joined_experiment(str(tmp_path), {})
    other = write_sweep(tmp_path / "other.yaml", {"hidden_momentum": {"values": [0.7]}})
    with locked(search), pytest.raises(PcsearchError, match=r"--join: .* is of another search"):
        joined_experiment(str(search), {}, other)


def test_drivers_in_one_folder_do_not_write_one_file_of_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = tmp_path / "here"
    write_experiment(search, MOMENTUM, [None], program="train.py")
    directory = ExperimentDirectory(search)
    record = directory.record()
    (tmp_path / "train.py").touch()
    options = {"trainable": "program", "program": "train.py", "max_concurrent": 1}
    directory.rewrite(record | {"options": record["options"] | options | {"metrics_from": "m.csv"}})
    with locked(search), pytest.raises(PcsearchError, match=r"--join: .*here reads its metrics"):
        joined_experiment(str(search), {})
    # On another machine it is another file.
    directory.rewrite(directory.record() | {"folder": str(tmp_path / "elsewhere")})
    monkeypatch.chdir(tmp_path)
    with locked(search):
        assert joined_experiment(str(search), {})[0].options.metrics_from == "m.csv"


def test_a_driver_waits_for_a_search_that_is_about_to_start(search: Path, tmp_path: Path) -> None:
    later, told = tmp_path / "later", list[str]()
    with locked(search):
        starting = threading.Timer(0.5, lambda: search.rename(later))
        starting.start()
        joined, _ = joined_experiment(str(later), {}, tell=told.append)
    starting.join()
    assert search_directory(joined.directory.path) == later
    assert told == [f"Waiting up to 60 s for the search {later} to start"]


def test_on_another_machine_the_current_folder_stands_for_the_one_of_the_start(
    search: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here_too"
    here.mkdir()
    monkeypatch.chdir(here)
    with locked(search):
        assert joined_experiment(str(search), {})[0].folder == tmp_path
        record = search / "experiment.json"
        record.write_text(
            record.read_text().replace(f'"folder": "{tmp_path}"', '"folder": "/gone"')
        )
        assert joined_experiment(str(search), {})[0].folder == here


def test_a_shared_search_is_over_when_all_its_trials_have_ended_somewhere(search: Path) -> None:
    joined = joining_driver(search)
    place = joined.directory.path
    journal = Journal(search)

    def over() -> list[bool]:
        first, _ = resumed_experiment(ExperimentDirectory(search), {})
        other = replace(joined, history=read_history(place), resumed=True)
        return [is_over(each) for each in (first, other)]

    assert over() == [False, False]
    journal.add(Claimed("d", 4))
    journal.add(Suggested("d", 4))
    for name in ("t2", "d"):
        journal.add(TrialEnded(name, False, [0.5]))
    assert over() == [False, False]
    Journal(place).add(Claimed("c", 3))
    Journal(place).add(Suggested("c", 3))
    assert over() == [False, False]
    Journal(place).add(TrialEnded("c", False, [0.5]))
    assert over() == [True, True]


def test_the_best_of_the_others_is_found(search: Path) -> None:
    joined = joining_driver(search)
    others = other_trials(joined)
    assert (others.count, others.best) == (2, None)
    journal = Journal(search)
    journal.add(Suggested("c", 3))
    journal.add(TrialEnded("c", False, [0.5]))
    journal.add(TrialEnded("t2", False, [0.7]))
    journal.add(Suggested("f", 4))
    journal.add(TrialEnded("f", True, [0.1], error="it broke"))
    best = other_trials(joined).best
    assert best is not None
    assert best.id == "c"


def test_a_driver_without_a_count_goes_on_as_long_as_the_search(search: Path) -> None:
    with locked(search):
        free, tracking = joined_experiment(str(search), {})
        counted, _ = joined_experiment(str(search), {"num_samples": 3})
    for joined in (free, counted):
        with locked_directory(joined, tracking):
            pass
    record = search / "experiment.json"
    record.write_text(record.read_text().replace('"num_samples": 4', '"num_samples": 50'))
    caps = [resumed_experiment(each.directory, {})[0].cap for each in (free, counted)]
    # The grid has no more than four.
    assert caps == [4, 3]
    assert [samples_of_search(each.directory) for each in (free, counted)] == [50, 50]


def test_a_trial_that_starts_while_the_history_is_read_is_no_damage(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Journal.events

    def slowly(journal: Journal) -> Iterator[Any]:
        yield from events(journal)
        journal.add(Suggested("late", 3))
        folder = search / "0003_late"
        folder.mkdir()
        (folder / "params.json").touch()

    monkeypatch.setattr(Journal, "events", slowly)
    assert [trial.id for trial in read_history(search).trials] == ["t1", "t2"]
    monkeypatch.setattr(Journal, "events", events)
    assert [trial.id for trial in read_history(search).trials] == ["t1", "t2", "late"]


def test_a_search_that_only_another_user_may_write_is_a_line(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(joining, "is_locked", refuse)
    with pytest.raises(PcsearchError, match=r"here: cannot be written \(Permission denied\)"):
        joined_experiment(str(search), {})
