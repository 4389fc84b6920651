"""What failed and stopped trials have left, on this machine and at an address."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.experiment.cleaning import delete_folders, find_leftovers
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.storage import lease
from pcsearch.engine.storage.store import Store

OLDER = Path(__file__).parents[2] / "searches" / "formats" / "3"
STOPPED = [1, 4, 5, 6]


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A search of which trials were stopped, each with two checkpoints."""
    directory = tmp_path / "there" / "older"
    shutil.copytree(OLDER, directory)
    shutil.copy(OLDER.with_name("made.py"), tmp_path)
    record = directory / "experiment.json"
    record.write_text(record.read_text().replace("FOLDER", str(tmp_path)))
    for folder in directory.glob("000[1-6]_*"):
        for number in (0, 1):
            file = folder / f"checkpoint_00000{number}" / "data" / "state"
            file.parent.mkdir(parents=True)
            file.write_bytes(bytes(500))
        (folder / "picture.png").write_bytes(bytes(9))
    return directory


def at_an_address(older: Path) -> ExperimentDirectory:
    return ExperimentDirectory.at(Store("test://there/older", LocalFileSystem(), str(older)))


@pytest.mark.parametrize("remote", [False, True])
def test_the_checkpoints_of_stopped_trials_are_found_and_deleted_and_nothing_else(
    remote: bool, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    directory = at_an_address(older) if remote else ExperimentDirectory(older)
    before = {file for file in older.rglob("*") if file.is_file()}
    with directory.tidied():
        directory.record()
        with directory.owned():
            directory.fetch()
            assert find_leftovers(directory, ["failed"]) == []
            found = find_leftovers(directory, ["stopped"])
            assert [len(each.checkpoints) for each in found] == [2] * len(found)
            assert {each.size for each in found} == {1000}
            numbers = [each.result.number for each in found]
            for each in found:
                delete_folders(directory, each.checkpoints)
            assert all(not each.checkpoints for each in find_leftovers(directory, ["stopped"]))
    assert numbers == STOPPED
    gone = before - {file for file in older.rglob("*") if file.is_file()}
    assert {file.parts[-4] for file in gone if file.name == "state"} == {
        folder.name for folder in older.glob("0*_*") if int(folder.name[:4]) in numbers
    }
    assert {file.name for file in gone} - {"owner.json"} == {"state"}


def test_the_best_trial_keeps_its_checkpoints_though_it_was_stopped(older: Path) -> None:
    experiment, _ = resumed_experiment(ExperimentDirectory(older), {})
    outcomes = experiment.outcomes()
    assert outcomes.best is not None
    numbers = {trial.id: trial.number for trial in experiment.history.trials}
    found = find_leftovers(experiment.directory, ["finished", "stopped", "diverged", "failed"])
    kept = numbers[outcomes.best.trial_id]
    assert [each.result.number for each in found] == [n for n in range(1, 7) if n != kept]


def test_the_best_trial_is_that_of_the_newest_metric(older: Path, tmp_path: Path) -> None:
    directory, edited = ExperimentDirectory(older), tmp_path / "edited.yaml"
    edited.write_text((older / "sweep.yaml").read_text().replace("minimize", "maximize"))
    experiment, _ = resumed_experiment(directory, {}, edited)
    assert experiment.edit is not None
    Journal(older).add(experiment.edit.event)
    found = find_leftovers(directory, ["finished", "stopped", "diverged", "failed"])
    assert [each.result.number for each in found] == [1, 2, 3, 4, 6], "trial 5 has the highest"
