"""A search that is ready to run, new or resumed: its definition, directory and history.

Nothing here loads Ray, which takes seconds: a mistake in a sweep file is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pcsearch.engine.experiment.definition import (
    SearchDefinition,
    define_search,
    parse_search,
    space_size,
)
from pcsearch.engine.records.directory import (
    ExperimentDirectory,
    directory_in,
    folder_form,
)
from pcsearch.engine.records.drivers import search_directory
from pcsearch.engine.records.history import History, read_history
from pcsearch.engine.records.options import OPTIONS_BEFORE, Options
from pcsearch.engine.records.outcome import Outcomes
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.records.requests import Requests
from pcsearch.engine.workloads.given_function import name_of
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.differences import differences
from pcsearch.sweeps.sweep import Sweep


@dataclass(frozen=True)
class Experiment(SearchDefinition):
    """A search that is ready to run: everything is checked, nothing has started.

    Args:
        directory: the experiment's directory.
        cap: the largest number of trials, with those of --confirm.
        resumed: whether earlier sessions of the search have run.
        history: what those sessions wrote, or the results of a warm start.
        requested: the names of the requests that second terminals have made before this session.
    """

    directory: ExperimentDirectory
    cap: int
    resumed: bool = False
    history: History = field(default_factory=History)
    requested: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.resumed and self.history.is_over(self.cap)

    def outcomes(self) -> Outcomes:
        """What became of the trials of earlier sessions, for this session to add to."""
        workload, curves = self.workload, self.sweep.early_terminate is not None
        return Outcomes(
            self.metrics,
            workload.time_attr,
            workload.epochs,
            self.history,
            curves,
            self.sweep.compared_by,
        )


def new_experiment(sweep_file: str | Path, options: Options, text: str | None = None) -> Experiment:
    """A new search by its sweep file; nothing is written.

    Args:
        sweep_file: the sweep's file, or its name in messages if ``text`` is given.
        options: the options of the command.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong; it has every problem of the sweep.
    """
    search = define_search(sweep_file, options, text=text)
    sweep, cap, options = search.sweep, search.trial_limit, search.options
    if cap is None:
        raise PcsearchError(
            Problem(
                f"method {sweep.method} has no end of its own; "
                "give --num-samples N or run_cap: N in the file",
                sweep.source,
            )
        )
    name = folder_form(options.name) if options.name else _default_name(sweep)
    directory = directory_in(options.storage_path, name, "--storage-path")
    directory.check_absent()
    cap += search.confirming
    return Experiment(sweep, options, search.folder, search.workload, directory, cap)


def resumed_experiment(
    directory: ExperimentDirectory,
    changes: Mapping[str, Any],
    sweep_file: Path | None = None,
    option: str = "--resume",
    other_folder: Path | None = None,
) -> tuple[Experiment, dict[str, Any]]:
    """The search of an experiment's directory, and the tracking settings in its record.

    Args:
        directory: the experiment's.
        changes: of the options it was started with.
        sweep_file: which must ask for the same search as the experiment's own; None need not.
        option: with which the user gave the directory, for messages.
        other_folder: stands for the folder of the start on a machine that does not have that.

    Raises:
        PcsearchError: there is none at the path, its files are damaged, or the file differs.
    """
    record = directory.record()
    _check_function(record["options"].get("trainable"), changes, option)
    options = _options({**record["options"], **changes}, directory)
    samples = options.num_samples or samples_of_search(directory)
    folder = Path(record["folder"])
    if other_folder is not None and not folder.is_dir():
        folder = other_folder
    search = define_search(directory.sweep, options, folder, has_begun=True)
    sweep = search.sweep
    if sweep_file is not None:
        given = define_search(sweep_file, options, folder, has_begun=True)
        _check_same(given.sweep, sweep, directory, option)
    history = read_history(directory.path)
    # The record has the cap, which may have been raised beyond the file's run_cap.
    cap = min(samples, space_size(sweep, options) or samples) + search.confirming
    if "num_samples" in changes and cap < len(history.own):
        message = f"{len(history.own)} trials have begun already; give at least as many"
        raise PcsearchError(Problem(message, "--num-samples"))
    experiment = Experiment(
        sweep,
        options,
        folder,
        search.workload,
        directory,
        cap,
        resumed=True,
        history=history,
        requested=tuple(Requests(directory).names()),
    )
    return experiment, record["tracking"]


def samples_of_search(directory: ExperimentDirectory) -> int:
    """The largest number of trials of a search, by its record.

    Args:
        directory: of the search, or of a driver that has joined it.

    Raises:
        PcsearchError: the record does not say it.
    """
    search = directory
    if directory.copy is None:
        search = ExperimentDirectory(search_directory(directory.path))
    samples = search.record()["options"].get("num_samples")
    if not isinstance(samples, int):
        file = search.place_of(RECORD_FILE)
        raise PcsearchError(f"{file}: the record is damaged (options.num_samples is null)")
    return samples


def stored_search(directory: ExperimentDirectory) -> SearchDefinition:
    """The search of an experiment's directory, to read its results: no code of a user is loaded.

    Raises:
        PcsearchError: there is none at the path, or its files are damaged.
    """
    record = directory.record()
    options = _options(record["options"], directory)
    return parse_search(directory.sweep, options, Path(record["folder"]))


def _options(options: Mapping[str, Any], directory: ExperimentDirectory) -> Options:
    stored = {**OPTIONS_BEFORE, **options}
    known = {each.name for each in fields(Options)}
    if not stored.keys() <= known:
        unknown = sorted(stored.keys() - known)[0]
        raise PcsearchError(f"{directory.place}: its record has an unknown option {unknown!r}")
    places = {"storage_path": directory.parent, "name": directory.name}
    try:
        return TypeAdapter(Options).validate_python({**stored, **places})
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(map(str, first["loc"]))
        path = directory.place_of(RECORD_FILE)
        raise PcsearchError(
            f"{path}: the record is damaged (options.{what}: {first['msg']})"
        ) from None


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


def _default_name(sweep: Sweep) -> str:
    stem = folder_form(sweep.name or Path(sweep.source).stem)
    return f"{stem}_{datetime.now():%Y-%m-%d_%H-%M-%S}"
