"""Resumes a search: reads it, tells what has changed, and writes that into its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.confirmation import race_count
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.joining import is_over
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.experiment.workload_choice import SweepText
from pcsearch.engine.records.directory import directory_at
from pcsearch.engine.records.journal.events import Retried
from pcsearch.engine.records.journal.history import retry_failed
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import OF_ONE_SESSION
from pcsearch.engine.records.record import EDITS
from pcsearch.errors import PcsearchError, Problem
from pcsearch.reports.listener import Listener
from pcsearch.sessions.launching import changes_of, check_artifacts, tell_queue
from pcsearch.sessions.session import run_session

if TYPE_CHECKING:
    from pcsearch.engine.execution.run import SessionResult

NOT_KEPT = (*OF_ONE_SESSION, "trainable")
"""The options of a session that the record does not get."""


def resume(
    place: str,
    sweep: Path | SweepText | None,
    arguments: Mapping[str, Any],
    chosen: Collection[str],
    rerun_failed: bool,
    listener: Listener,
    stop: Event | None = None,
) -> SessionResult:
    """Resume the search of an experiment's directory.

    Args:
        place: the path or the address of the directory.
        sweep: the file that the search has from now on, None where it keeps its own.
        arguments: the values of the command's options, by name.
        chosen: the names of the options that the user gave.
        rerun_failed: whether failed trials are retried.
        listener: is told what happens, and what the search has come to.
        stop: as of `run_session`.

    Raises:
        PcsearchError: there is no such experiment, an option is wrong, or the search cannot run
            any more.
    """
    changes, changed_tracking = changes_of(arguments, chosen)
    directory = directory_at(place, "--resume")
    with directory.tidied():
        # Before the lock, which makes a file: there may be no experiment.
        record = directory.record()
        with directory.owned():
            directory.fetch()
            Journal(directory.path).cut_torn_line()
            experiment, tracking = resumed_experiment(
                directory, changes, sweep, enqueue=arguments["enqueue"]
            )
            check_artifacts(experiment, changed_tracking)
            retried = _retried(experiment, listener) if rerun_failed else []
            news = _News(experiment, record, changes, tracking | changed_tracking, retried)
            check_own_sweep(experiment, news.tracking)
            news.tell(listener)
            return run_session(experiment, news.tracking, listener, on_ready=news.write, stop=stop)


def _retried(experiment: Experiment, listener: Listener) -> list[Retried]:
    """Have the failed trials of a search retried; the events for its journal.

    Raises:
        PcsearchError: none has failed, and nothing else is left to do.
    """
    retried = retry_failed(experiment.history)
    if not retried and experiment.over:
        place = experiment.directory.place
        raise PcsearchError(f"--rerun-failed: no trial of {place} has failed")
    if not retried:
        listener.say("--rerun-failed: no trial has failed")
    return retried


def check_own_sweep(experiment: Experiment, tracking: Mapping[str, Any]) -> None:
    """Check that a search that is changed has not joined a sweep of W&B that is not its own.

    Args:
        experiment: the search, with its edit or its queue where it has one.
        tracking: the settings of its W&B runs.

    Raises:
        PcsearchError: it has.
    """
    from pcsearch.tracking.server.registration import JOINED

    is_changed = experiment.edit is not None or experiment.queue is not None
    if is_changed and tracking.get(JOINED):
        message = (
            "the search runs trials of a sweep that W&B had before, and others may run that too: "
            "it can neither be edited nor try other configurations first; start a new search"
        )
        raise PcsearchError(Problem(message, experiment.sweep.source))


@dataclass(frozen=True)
class _News:
    """What is new of a search that is resumed.

    Args:
        experiment: the search, with its edit and its queue.
        record: as its directory has it.
        changes: of its options.
        tracking: the settings of its W&B runs from now on.
        retried: a line of the journal for each failed trial that is retried.
    """

    experiment: Experiment
    record: Mapping[str, Any]
    changes: Mapping[str, Any]
    tracking: dict[str, Any]
    retried: Sequence[Retried]

    def tell(self, listener: Listener) -> None:
        """Tell the user what is new, and what is left to do."""
        experiment = self.experiment
        for line in experiment.file_lines:
            listener.say(line)
        tell_queue(experiment, listener)
        for trial in experiment.history.trials:
            if trial.end is not None and trial.end.elsewhere:
                listener.say(f"trial {trial.number}: another driver runs it again")
        if experiment.over:
            listener.say(_finished(experiment))
        elif is_over(experiment):
            message = "the search is finished: its other trials are those of other drivers"
            listener.say(f"{experiment.directory.place}: {message}")

    def write(self) -> None:
        """Write what is new into the record and the journal.

        Raises:
            StorageError: a file cannot be written.
        """
        experiment, journal = self.experiment, Journal(self.experiment.directory.path)
        self._write_record()
        if experiment.edit is not None:
            # One line has the whole edit: a kill leaves all of it, or nothing.
            journal.add(experiment.edit.event)
        if experiment.queue is not None and experiment.queue.event.configs:
            journal.add(experiment.queue.event)
        for event in self.retried:
            journal.add(event)

    def _write_record(self) -> None:
        experiment = self.experiment
        lasting = {name: each for name, each in self.changes.items() if name not in NOT_KEPT}
        edits: dict[str, int] = {}
        if experiment.edit is not None:
            # Its line in the journal has it.
            lasting.pop("num_samples", None)
        elif "num_samples" in lasting and experiment.history.edits:
            lasting["num_samples"] = experiment.samples
            edits[EDITS] = len(experiment.history.edits)
        options = self.record["options"] | lasting
        record = {**self.record, "options": options, "tracking": self.tracking, **edits}
        if record != self.record:
            experiment.directory.rewrite(record)


def _finished(experiment: Experiment) -> str:
    """A line about a search that is over, and what can still be done with it."""
    count, raced = len(experiment.history.own), race_count(experiment.history, experiment)
    message = f"{experiment.directory.place}: the search is finished, all {count} trials of it"
    if experiment.history.reached is not None:
        message = f"{experiment.directory.place}: the search is finished, its target is reached"
    elif experiment.history.is_decided and raced < experiment.samples:
        message += ": no other run could change which configuration is the best"
    elif raced == experiment.reach:
        kind = "grid" if experiment.sweep.method == "grid" else "space"
        message += f", which are all that its {kind} has"
    else:
        message += "; --num-samples N runs more"
    replicates, reached = experiment.replicates, experiment.history.reached
    is_race = replicates is not None and replicates.are_numbers and reached is None
    if is_race and experiment.options.confirm is None:
        message += "; --confirm K runs the best ones with fresh seeds"
    if experiment.history.failed:
        message += "; --rerun-failed retries the failed ones"
    return message
