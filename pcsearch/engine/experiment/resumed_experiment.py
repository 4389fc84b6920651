"""Reads an experiment's directory as a search to resume, also with another sweep file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.confirmation import confirmed_earlier, race_count
from pcsearch.engine.experiment.definition import SearchDefinition, define_search, earlier_sweep
from pcsearch.engine.experiment.editing import (
    Edit,
    check_alone,
    check_program,
    edited,
    settle,
    texts_of,
    unused_changes,
)
from pcsearch.engine.experiment.enqueuing import OPTION as ENQUEUE
from pcsearch.engine.experiment.enqueuing import enqueued
from pcsearch.engine.experiment.experiment import (
    Experiment,
    samples_by_edits,
    samples_of_search,
    stored_options,
)
from pcsearch.engine.experiment.versions import reach
from pcsearch.engine.experiment.workload_choice import SweepText
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import Options
from pcsearch.engine.workloads.given_function import name_of
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.matching.changes import changes as changes_of
from pcsearch.sweeps.matching.differences import differences
from pcsearch.sweeps.sweep import Sweep

RESUME = "--resume"


@dataclass
class _Begun:
    """A search that has begun, as its directory has it.

    Args:
        directory: the experiment's.
        options: those of the record, with the changes of this session.
        search: by the newest version of its sweep file.
        versions: of the file, oldest first.
        history: as it was read; `settle` and `edited` change it.
        samples: the largest number of its trials, without those of --confirm.
    """

    directory: ExperimentDirectory
    options: Options
    search: SearchDefinition
    versions: list[Sweep]
    history: History
    samples: int

    def edit(self, given: SearchDefinition, is_asked: bool) -> Edit:
        """Give it another sweep file.

        Args:
            given: the search by that file.
            is_asked: whether the user asks for this largest number of trials.

        Raises:
            PcsearchError: it cannot have the file.
        """
        edit = edited(
            self.directory,
            self.search,
            given,
            self.versions,
            self.history,
            self.samples,
            is_asked,
        )
        self.samples = edit.event.num_samples
        self.search = given.with_samples(self.samples)
        self.versions.append(given.sweep)
        return edit

    def settle(self) -> None:
        """Make the history what it is by the newest file."""
        settle(self.history, self.versions, self.search)


def resumed_experiment(
    directory: ExperimentDirectory,
    changes: Mapping[str, Any],
    sweep_file: Path | SweepText | None = None,
    option: str = RESUME,
    other_folder: Path | None = None,
    enqueue: str | None = None,
) -> tuple[Experiment, dict[str, Any]]:
    """The search of an experiment's directory, and the tracking settings in its record.

    Args:
        directory: the experiment's.
        changes: of the options it was started with.
        sweep_file: with ``--resume``, the file that the search has from now on; for a driver that
            joins, one that must ask for the same search. None leaves the file as it is.
        option: with which the user gave the directory, for messages.
        other_folder: stands for the folder of the start on a machine that does not have that.
        enqueue: the file of the configurations to try first, or ``defaults``.

    Raises:
        PcsearchError: there is none at the path, its files are damaged, or the search cannot have
            the file.
    """
    record = directory.record()
    _check_function(record["options"].get("trainable"), changes, option)
    begun = _begun(directory, record, changes, other_folder)
    given = None if sweep_file is None else _given(sweep_file, begun)
    edit = None if given is None else _edit(begun, given, option, "num_samples" in changes)
    lines = () if edit is None else edit.lines
    if edit is None:
        begun.settle()
        if given is not None:
            same = f"{given.sweep.source} asks for the same search: nothing of it changes"
            lines = (same, *unused_changes(begun.search, given))
    queue = None
    if enqueue is not None:
        check_alone(directory, begun.history, ENQUEUE)
        # A file that asks for the same may have other defaults.
        queue = enqueued(enqueue, given or begun.search, begun.history)
        begun.settle()
    experiment = Experiment(
        begun.search.sweep,
        replace(begun.options, num_samples=begun.samples) if begun.history.edits else begun.options,
        begun.search.folder,
        begun.search.workload,
        directory,
        _cap(begun, "num_samples" in changes),
        resumed=True,
        history=begun.history,
        requested=tuple(Requests(directory).names()),
        edit=edit,
        file_lines=lines,
        queue=queue,
        confirmed_earlier=confirmed_earlier(begun.history, begun.search),
    )
    return experiment, record["tracking"]


def _begun(
    directory: ExperimentDirectory,
    record: Mapping[str, Any],
    changes: Mapping[str, Any],
    other_folder: Path | None,
) -> _Begun:
    """Read a search that has begun."""
    options = stored_options({**record["options"], **changes}, directory)
    folder = Path(record["folder"])
    if other_folder is not None and not folder.is_dir():
        folder = other_folder
    samples = options.num_samples or samples_of_search(directory)
    history = read_history(directory.path)
    if history.samples is None:
        # The journal does not say it where an earlier version has written it.
        history.samples = samples_by_edits(record, history.edits) or record["options"].get(
            "num_samples"
        )
    if "num_samples" not in changes:
        samples = samples_by_edits(record, history.edits) or samples
    texts = texts_of(directory, history.edits)
    source, text = texts[-1]
    search = define_search(source, options, folder, text, has_begun=True)
    if history.edits:
        search = search.with_samples(samples)
    versions = [*(earlier_sweep(search, *each) for each in texts[:-1]), search.sweep]
    return _Begun(directory, options, search, versions, history, samples)


def _edit(begun: _Begun, given: SearchDefinition, option: str, is_asked: bool) -> Edit | None:
    """Give a search that is resumed another sweep file; None where that asks for the same search.

    Raises:
        PcsearchError: it cannot have the file, or a driver that joins has another one.
    """
    own = begun.search.sweep
    if option != RESUME:
        _check_same(given.sweep, own, begun.directory, option)
        return None
    if given.workload.runs_program:
        check_program(own, given.sweep)
    return begun.edit(given, is_asked) if changes_of(own, given.sweep) else None


def _cap(begun: _Begun, is_asked: bool) -> int:
    """The largest number of trials, with those of --confirm.

    Raises:
        PcsearchError: the user asks for fewer than have begun.
    """
    # The record has the cap, which may have been raised beyond the file's run_cap.
    most = min(begun.samples, reach(begun.search, begun.history) or begun.samples)
    count = race_count(begun.history, begun.search)
    if is_asked and most < count:
        message = f"{count} trials have begun already; give at least as many"
        raise PcsearchError(Problem(message, "--num-samples"))
    return most + begun.search.confirming + confirmed_earlier(begun.history, begun.search)


def _given(file: Path | SweepText, begun: _Begun) -> SearchDefinition:
    """The search by the file that a search that has begun is given."""
    options, folder = begun.options, begun.search.folder
    if isinstance(file, SweepText):
        return define_search(file.file, options, folder, file.text, has_begun=True, is_edit=True)
    return define_search(file, options, folder, has_begun=True, is_edit=True)


def _check_function(before: str | None, changes: Mapping[str, Any], option: str) -> None:
    """Check that a function that is given is the one of the search."""
    name = name_of(changes.get("trainable", before))
    if name != before:
        message = f"the search trains {before or 'the PC transformer'}, not {name}"
        raise PcsearchError(Problem(message, option))


def _check_same(file: Sweep, own: Sweep, directory: ExperimentDirectory, option: str) -> None:
    problems = [
        Problem(f"the file says {one}, the experiment {other}", file.source, key)
        for key, one, other in differences(file, own)
    ]
    if problems:
        last = Problem(f"{directory.place} is of another search; leave SWEEP out", option)
        raise PcsearchError([*problems, last])
