"""A search that is ready to run: its definition, directory and history.

Nothing here loads Ray, which takes seconds: a mistake in a sweep file is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pcsearch.engine.experiment.definition import (
    SearchDefinition,
    define_search,
    parse_search,
)
from pcsearch.engine.experiment.editing import (
    Edit,
    texts_of,
)
from pcsearch.engine.experiment.enqueuing import Queue, enqueued, without_a_trial
from pcsearch.engine.experiment.versions import reach
from pcsearch.engine.records.directory import (
    ExperimentDirectory,
    directory_in,
    folder_form,
)
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import OPTIONS_BEFORE, Options
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.record import EDITS, RECORD_FILE
from pcsearch.errors import PcsearchError, Problem
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
        edit: of the sweep file, which the journal does not have yet; None without one.
        file_lines: lines for the user about a sweep file that a search that has begun was given.
        queue: of configurations to try first, which the journal does not have yet.
        confirmed_earlier: how many trials of --confirm were before the race went on; the best
            configurations may be others since.
    """

    directory: ExperimentDirectory
    cap: int
    resumed: bool = False
    history: History = field(default_factory=History)
    requested: tuple[str, ...] = ()
    edit: Edit | None = None
    file_lines: tuple[str, ...] = ()
    queue: Queue | None = None
    confirmed_earlier: int = 0

    @property
    def samples(self) -> int:
        """The largest number of trials, without those of --confirm."""
        return self.cap - self.confirming - self.confirmed_earlier

    @property
    def reach(self) -> int | None:
        """How many trials it can have at most, whatever the cap is; None without an end."""
        return reach(self, self.history)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.resumed and self.history.is_over(self.cap)

    def outcomes(self) -> Outcomes:
        """What became of the trials of earlier sessions, for this session to add to."""
        return self.outcomes_of(self.history)

    @property
    def queue_lines(self) -> tuple[str, ...]:
        """Lines for the user about the configurations that this session has enqueued."""
        if self.queue is None:
            return ()
        shortage = without_a_trial(self.history, self.cap, self.reach)
        return (*self.queue.lines, *([shortage] if shortage else []))


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


def with_queue(experiment: Experiment, what: str) -> Experiment:
    """A new search with configurations to try first; nothing is written.

    Args:
        experiment: the search.
        what: a file, or ``defaults``.

    Raises:
        PcsearchError: the file is wrong.
    """
    queue = enqueued(what, experiment, experiment.history)
    return replace(experiment, queue=queue)


def samples_by_edits(record: Mapping[str, Any], edits: Sequence[Edited]) -> int | None:
    """The largest number of trials by the newest edit; None where the record is newer."""
    return edits[-1].num_samples if len(edits) > record.get(EDITS, 0) else None


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
    record = search.record()
    edits = Journal(search.path).of_kind(Edited)
    samples = samples_by_edits(record, edits) or record["options"].get("num_samples")
    if not isinstance(samples, int):
        file = search.place_of(RECORD_FILE)
        raise PcsearchError(f"{file}: the record is damaged (options.num_samples is null)")
    return samples


def stored_search(directory: ExperimentDirectory) -> SearchDefinition:
    """The search of an experiment's directory, to read its results: no code of a user is loaded.

    Raises:
        PcsearchError: there is none at the path, or its files are damaged.
    """
    return _stored(directory)[-1]


def earlier_sweeps(directory: ExperimentDirectory) -> list[Sweep]:
    """What an experiment searched before each edit of its sweep file, read as `stored_search` does.

    Raises:
        PcsearchError: there is none at the path, or its files are damaged.
    """
    return [search.sweep for search in _stored(directory)[:-1]]


def _stored(directory: ExperimentDirectory) -> list[SearchDefinition]:
    """The search by each version of its sweep file, oldest first."""
    record = directory.record()
    options = stored_options(record["options"], directory)
    folder = Path(record["folder"])
    texts = texts_of(directory, Journal(directory.path).of_kind(Edited))
    return [parse_search(source, text, options, folder) for source, text in texts]


def stored_options(options: Mapping[str, Any], directory: ExperimentDirectory) -> Options:
    """The options of a search by its record.

    Args:
        options: as the record has them, with changes where there are any.
        directory: of the search.

    Raises:
        PcsearchError: the record is damaged.
    """
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


def _default_name(sweep: Sweep) -> str:
    stem = folder_form(sweep.name or Path(sweep.source).stem)
    return f"{stem}_{datetime.now():%Y-%m-%d_%H-%M-%S}"
