"""Joins a search that runs on another machine, in a folder that both machines have.

`pcsearch.engine.records.drivers.driver_directories` says where the drivers' directories are.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.definition import space_size
from pcsearch.engine.experiment.experiment import Experiment, samples_of_search
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.experiment.workload_choice import reads_a_file
from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.drivers.directory_ledger import DirectoryLedger
from pcsearch.engine.records.drivers.driver_directories import (
    is_shared,
    new_driver,
    other_drivers,
    search_directory,
)
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.files import resume_command, writing
from pcsearch.engine.storage.lock import is_locked, owner
from pcsearch.engine.storage.store import is_address
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.marking import CHANGED
from pcsearch.sweeps.replicates import ALONE

OPTION = "--join"
ONE_FILE = (
    "reads its metrics from one file, which all its trials write, also those of another driver in "
    "a folder of the same path; have the program print them (--metrics-from stdout)"
)
START_S = 60.0
"""How long the search may take to start, where it is started at the same time."""
LOCK_S = 2.0
"""The same after its directory is there."""
WAIT_S = 0.2


def joined_experiment(
    place: str,
    changes: Mapping[str, Any],
    sweep_file: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Experiment, dict[str, Any]]:
    """The search of a new driver that joins a running search, and its tracking settings.

    Args:
        place: the directory of the search, or of a driver that has joined it.
        changes: of the search's options, for this driver. ``num_samples`` is how many trials it
            runs at most.
        sweep_file: which must ask for the same search; None need not.
        tell: prints a line: that it waits for a search that is about to start.

    Raises:
        PcsearchError: there is no such search, nobody runs it, or the file differs.
    """
    if is_address(place):
        message = "is an address; drivers can join in a folder that all their machines have"
        advice = "use a Ray cluster (--address), or W&B (--sweep-id)"
        raise PcsearchError(Problem(f"{place} {message}; {advice}", OPTION))
    search = ExperimentDirectory(search_directory(directory_at(place, OPTION).path))
    _await_driver(search, tell)
    own = dict(changes)
    budget = own.pop("num_samples", None)
    experiment, tracking = resumed_experiment(search, own, sweep_file, OPTION, Path.cwd())
    if experiment.replicates is not None:
        raise PcsearchError(Problem(ALONE, OPTION))
    if experiment.history.is_changed:
        raise PcsearchError(Problem(f"{search.place} {CHANGED}", OPTION))
    if reads_a_file(experiment.options) and str(experiment.folder) == search.record()["folder"]:
        raise PcsearchError(Problem(f"{search.place} {ONE_FILE}", OPTION))
    # Without a count of its own, the driver goes on as long as the search does.
    options = replace(experiment.options, num_samples=budget)
    if experiment.sweep.method in ("bayes", "custom"):
        # It learns from the trials of the others, and begins with other points.
        options = replace(options, seed=secrets.randbelow(2**31))
    joined = replace(
        experiment,
        options=options,
        directory=ExperimentDirectory(new_driver(search.path)),
        cap=budget or experiment.cap,
        resumed=False,
        history=History(warm_start=experiment.history.warm_start),
    )
    return joined, tracking


def directory_ledger(
    experiment: Experiment, tell: Callable[[str], None] = lambda _: None
) -> DirectoryLedger | None:
    """The ledger by which the drivers of a search in a shared folder share its trials.

    Also a driver that is alone has it: others may join at any time. None at an address.

    Args:
        experiment: of this driver; its directory is locked.
        tell: prints a line: that the journal of another driver cannot be read.

    Raises:
        PcsearchError: the record of the search is damaged.
    """
    directory, history = experiment.directory, experiment.history
    if directory.copy is not None:
        return None
    return DirectoryLedger(
        directory.path,
        history,
        _limit(experiment),
        experiment.cap - len(history.own),
        learns=experiment.sweep.method in ("bayes", "custom"),
        tell=tell,
    )


def is_over(experiment: Experiment) -> bool:
    """Whether all drivers of a search together have nothing left to do.

    Raises:
        PcsearchError: the record of the search, or the journal of a driver, is damaged.
    """
    if not is_shared(experiment.directory.path) or experiment.history.unfinished:
        return False
    others = [read_history(each) for each in other_drivers(experiment.directory.path)]
    every = [experiment.history, *others]
    ended = {trial.number for history in every for trial in history.own if trial.over}
    has_reached = any(history.reached is not None for history in every)
    limit = _limit(experiment)
    return has_reached or sum(number <= limit for number in ended) >= limit


def _limit(experiment: Experiment) -> int:
    """The highest number of a search."""
    directory = experiment.directory.path
    search = search_directory(directory)
    if search == directory:
        return experiment.cap
    samples = samples_of_search(experiment.directory)
    return min(samples, space_size(experiment.sweep, experiment.options) or samples)


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
    histories = [read_history(each) for each in other_drivers(experiment.directory.path)]
    trials = [trial for history in histories for trial in history.own]
    best, best_value = None, None
    for trial in trials:
        has_value = trial.end is not None and trial.end.values and not trial.failed
        value = trial.end.values[0] if trial.end is not None and has_value else None
        if value is not None and experiment.metrics[0].better(value, best_value):
            best, best_value = trial, value
    return OtherTrials(len(trials), best)


def _await_driver(search: ExperimentDirectory, tell: Callable[[str], None]) -> None:
    """Wait a while until a driver of a search holds its lock, which it takes when Ray has started.

    Raises:
        PcsearchError: none does. So locks may not reach from its machine to this one.
    """
    end, has_told = time.monotonic() + START_S, False
    while True:
        has_begun = (search.path / RECORD_FILE).exists()
        drivers = [search.path, *other_drivers(search.path)] if has_begun else []
        with writing(search.path):
            is_running = any(map(is_locked, drivers))
        if is_running:
            return
        holders = [holder for each in drivers if (holder := owner(each))]
        # The search gets its lock at once when it is there.
        end = min(end, time.monotonic() + LOCK_S) if has_begun else end
        if time.monotonic() >= end:
            raise _not_running(search, has_begun, holders)
        if not has_begun and not has_told:
            has_told = True
            tell(f"Waiting up to {START_S:.0f} s for the search {search.place} to start")
        time.sleep(WAIT_S)


def _not_running(
    search: ExperimentDirectory, has_begun: bool, holders: Sequence[str]
) -> PcsearchError:
    if not has_begun:
        search.record()
    message = f"nobody runs the search {search.place}; resume it: {resume_command(search.place)}"
    if holders:
        message += (
            f" (its {holders[0]} was killed; if it is running, the file system of this folder has "
            "no locks that hold on all machines: use a Ray cluster or W&B's --sweep-id)"
        )
    return PcsearchError(Problem(message, OPTION))
