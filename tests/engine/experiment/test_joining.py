"""What a driver that joins a search takes from it, and what it has of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.experiment.joining import directory_ledger, joined_experiment, other_trials
from pcsearch.engine.records.drivers import search_directory
from pcsearch.engine.records.journal import Ended, Journal, Suggested
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
    with joined.directory.created(joined.sweep.text, {"options": {}, "folder": "", "tracking": {}}):
        # The directory of a driver stands for that of the search.
        again, _ = joined_experiment(str(joined.directory.path), {})
        ledger = directory_ledger(joined)
        assert ledger is not None
        with locked(search):
            numbers = [claim.number for _ in range(3) if (claim := ledger.claim())]
        assert numbers == [3, 4]
    assert again.directory.path.parent == joined.directory.path.parent
    assert again.directory.path != joined.directory.path
    assert again.cap == 4


def test_a_search_that_nobody_runs_is_not_joined(search: Path, tmp_path: Path) -> None:
    with pytest.raises(PcsearchError, match=r"--join: nobody runs the search .*here; resume it"):
        joined_experiment(str(search), {})
    with pytest.raises(PcsearchError, match="no experiment is here"):
        joined_experiment(str(tmp_path), {})


def test_the_best_of_the_others_is_found(search: Path) -> None:
    with locked(search):
        joined, _ = joined_experiment(str(search), {})
    place = joined.directory.path
    place.mkdir(parents=True)
    others = other_trials(joined)
    assert (others.count, others.best) == (2, None)
    journal = Journal(search)
    journal.add(Suggested("c", 3))
    journal.add(Ended("c", False, [0.5]))
    journal.add(Ended("t2", False, [0.7]))
    best = other_trials(joined).best
    assert best is not None
    assert best.id == "c"
