"""Joins a search that runs on another machine, in a folder that both machines have.

`pcsearch.engine.records.drivers` says where the drivers' directories are.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.definition import grid_size
from pcsearch.engine.experiment.experiment import Experiment, resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.directory_ledger import DirectoryLedger
from pcsearch.engine.records.drivers import new_driver, other_drivers, search_directory
from pcsearch.engine.records.history import History, TrialHistory, read_history
from pcsearch.engine.records.report import better
from pcsearch.engine.storage.files import resume_command
from pcsearch.engine.storage.lock import is_locked, owner
from pcsearch.engine.storage.store import is_address
from pcsearch.errors import PcsearchError, Problem

OPTION = "--join"


def joined_experiment(
    place: str, changes: Mapping[str, Any], sweep_file: Path | None = None
) -> tuple[Experiment, dict[str, Any]]:
    """The search of a new driver that joins a running search, and its tracking settings.

    Args:
        place: the directory of the search, or of a driver that has joined it.
        changes: of the search's options, for this driver. ``num_samples`` is how many trials it
            runs at most.
        sweep_file: which must ask for the same search; None need not.

    Raises:
        PcsearchError: there is no such search, nobody runs it, or the file differs.
    """
    if is_address(place):
        message = "is an address; drivers can join in a folder that all their machines have"
        advice = "use a Ray cluster (--address), or W&B (--sweep-id)"
        raise PcsearchError(Problem(f"{place} {message}; {advice}", OPTION))
    search = ExperimentDirectory(search_directory(directory_at(place, OPTION).path))
    own = dict(changes)
    budget = own.pop("num_samples", None)
    experiment, tracking = resumed_experiment(search, own, sweep_file)
    _check_running(search)
    options = experiment.options
    if experiment.sweep.method in ("bayes", "custom"):
        # It learns from the trials of the others, and begins with other points.
        options = replace(options, seed=secrets.randbelow(2**31))
    joined = replace(
        experiment,
        options=options,
        directory=ExperimentDirectory(new_driver(search.path)),
        cap=min(budget or experiment.cap, experiment.cap),
        resumed=False,
        history=History(warm_start=experiment.history.warm_start),
    )
    return joined, tracking


def directory_ledger(experiment: Experiment) -> DirectoryLedger | None:
    """The ledger by which the drivers of a search in a shared folder share its trials.

    Also a driver that is alone has it: others may join at any time. None at an address.

    Raises:
        PcsearchError: the record of the search is damaged.
    """
    directory, history = experiment.directory, experiment.history
    if directory.copy is not None:
        return None
    limit, search = experiment.cap, search_directory(directory.path)
    if search != directory.path:
        options = ExperimentDirectory(search).record()["options"]
        limit = min(int(options["num_samples"]), grid_size(experiment.sweep) or 2**63)
    return DirectoryLedger(
        directory.path,
        history.trials,
        limit,
        experiment.cap - len(history.trials),
        learns=experiment.sweep.method in ("bayes", "custom"),
    )


@dataclass(frozen=True)
class OtherTrials:
    """The trials of the other drivers of a search.

    Args:
        count: how many there are.
        best: the best of those that have ended, by the first metric; None where none has a value.
    """

    count: int
    best: TrialHistory | None


def other_trials(experiment: Experiment) -> OtherTrials:
    """What the other drivers of a search have run, by their directories.

    Raises:
        PcsearchError: the journal of one is damaged.
    """
    trials = [
        trial
        for directory in other_drivers(experiment.directory.path)
        for trial in read_history(directory).trials
        if trial.end is None or not trial.end.elsewhere
    ]
    best, best_value = None, None
    for trial in trials:
        value = trial.end.values[0] if trial.end is not None and trial.end.values else None
        if value is not None and better(value, best_value, experiment.metrics[0]):
            best, best_value = trial, value
    return OtherTrials(len(trials), best)


def _check_running(search: ExperimentDirectory) -> None:
    """Check that a driver holds its lock, and so that locks reach from its machine to this one."""
    drivers = [search.path, *other_drivers(search.path)]
    if any(map(is_locked, drivers)):
        return
    message = f"nobody runs the search {search.place}; resume it: {resume_command(search.place)}"
    holders = [holder for each in drivers if (holder := owner(each))]
    if holders:
        message += (
            f" (its {holders[0]} was killed; if it is running, the file system of this folder has "
            "no locks that hold on all machines: use a Ray cluster or W&B's --sweep-id)"
        )
    raise PcsearchError(Problem(message, OPTION))
