"""Finds the trials whose checkpoints are no longer needed, and deletes files of an experiment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.experiment import earlier_sweeps, stored_search
from pcsearch.engine.experiment.versions import judge_anew
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.history import VALUES_FILE
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.trial_result import Status, TrialResult, pareto_front
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import error_line

CHECKPOINTS = "checkpoint_"


@dataclass(frozen=True)
class Leftover:
    """The checkpoints that are still there of an ended trial.

    Args:
        result: the trial.
        checkpoints: the folders of its checkpoints, relative to the experiment's directory.
        size: of their files, in bytes.
    """

    result: TrialResult
    checkpoints: tuple[str, ...]
    size: int


def find_leftovers(directory: ExperimentDirectory, statuses: Collection[Status]) -> list[Leftover]:
    """Find the checkpoints of ended trials, by their statuses; the best trials are left out.

    Args:
        directory: of the search, whose files are on this machine.
        statuses: of the trials.

    Returns:
        One entry for each such trial, in the order of their numbers, also without a checkpoint.

    Raises:
        PcsearchError: there is no experiment, or its files are damaged.
        StorageError: the storage does not list its files.
    """
    results = [each for each in _results(directory) if each.status in statuses]
    if not results:
        return []
    found = {each.folder: (set[str](), 0) for each in results}
    for name, size in _files(directory):
        folder, checkpoint = (*name.split("/"), "")[:2]
        if folder in found and checkpoint.startswith(CHECKPOINTS):
            names, total = found[folder]
            found[folder] = (names | {f"{folder}/{checkpoint}"}, total + size)
    return [
        Leftover(each, tuple(sorted(names)), size)
        for each in results
        for names, size in [found[each.folder]]
    ]


def _results(directory: ExperimentDirectory) -> Iterator[TrialResult]:
    """The results of the trials that have ended and are not the best of the search."""
    search, history = stored_search(directory), read_history(directory.path)
    judge_anew(history, [*earlier_sweeps(directory), search.sweep], search)
    outcomes = search.outcomes_of(history)
    for trial in history.trials:
        outcomes.begin(trial.id, trial.number, _values(trial.folder / VALUES_FILE))
    ended = [each.result() for each in outcomes if each.ended]
    best = {each.number for each in pareto_front(ended, outcomes.metrics)}
    return (each for each in ended if each.number not in best)


def _values(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def delete_folders(directory: ExperimentDirectory, folders: Iterable[str]) -> None:
    """Delete folders of an experiment, here and at its address.

    Args:
        directory: the experiment's, which this process owns.
        folders: relative to the directory.

    Raises:
        StorageError: they cannot be deleted.
    """
    for folder in folders:
        if directory.copy is not None:
            store = directory.copy.store.below(folder)
            for name in store.files():
                store.delete(name)
        try:
            shutil.rmtree(directory.path / folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            message = f"{directory.place_of(folder)}: cannot be deleted ({error_line(error)})"
            raise StorageError(message) from error


def _files(directory: ExperimentDirectory) -> Iterator[tuple[str, int]]:
    """The names of the files of an experiment, relative to its directory, and their bytes."""
    if directory.copy is not None:
        yield from directory.copy.store.files().items()
        return
    for file in directory.path.rglob("*"):
        if file.is_file() or file.is_symlink():
            yield file.relative_to(directory.path).as_posix(), file.lstat().st_size
