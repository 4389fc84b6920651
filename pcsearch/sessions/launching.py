"""Starts a search, or resumes one; who is told of it is a parameter.

Each function imports what it needs, so that the plan of a search stays fast.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.reports.listener import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.engine.experiment.workload_choice import SweepText
    from pcsearch.engine.records.options import Options
    from pcsearch.sweeps.sweep import Sweep
    from pcsearch.tracking.server.sweep import SweepAddress

TRACKING = {"wandb": "wandb", "wandb_artifacts": "artifacts"}
"""The options for W&B's runs, and their names in the experiment's record."""


def start(
    sweep: str | Path, arguments: Mapping[str, Any], listener: Listener, text: str | None = None
) -> SessionResult:
    """Run the search of a sweep file.

    Args:
        sweep: the sweep file, or its name in messages if ``text`` is given.
        arguments: the values of the command's options, by name.
        listener: is told what happens, and what the search has come to.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong, and nothing has started; or the search
            cannot run any more.
    """
    from pcsearch.sessions.session import run_session

    experiment, tracking = new_search(sweep, arguments, listener, text)
    return run_session(experiment, tracking, listener)


def new_search(
    sweep: str | Path, arguments: Mapping[str, Any], listener: Listener, text: str | None = None
) -> tuple[Experiment, dict[str, Any]]:
    """A new search that is ready to run, and the settings of its W&B runs.

    Args:
        sweep: the sweep file, or its name in messages if ``text`` is given.
        arguments: the values of the command's options, by name.
        listener: is told what the search starts from.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong.
    """
    from pcsearch.engine.experiment.experiment import new_experiment, with_queue

    experiment = new_experiment(sweep, options_of(arguments), text)
    experiment = with_warm_start(experiment, listener)
    if arguments["enqueue"] is not None:
        experiment = with_queue(experiment, arguments["enqueue"])
        _tell_queue(experiment, listener)
    return experiment, tracking_of(arguments, experiment.sweep)


def with_warm_start(experiment: Experiment, listener: Listener) -> Experiment:
    """Add the results of ``--warm-start`` to the experiment's history."""
    if not experiment.options.warm_start:
        return experiment
    from pcsearch.engine.experiment.warm_start import warm_start

    start = warm_start(experiment)
    for note in start.notes:
        listener.say(note)
    return replace(experiment, history=replace(experiment.history, warm_start=list(start.results)))


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
    from pcsearch.engine.experiment.experiment import resumed_experiment
    from pcsearch.engine.experiment.joining import is_over
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.history import retry_failed
    from pcsearch.engine.records.journal import Journal
    from pcsearch.engine.records.options import OF_ONE_SESSION
    from pcsearch.engine.records.record import EDITS
    from pcsearch.sessions.session import run_session

    not_kept = (*OF_ONE_SESSION, "trainable")
    changes, changed_tracking = changes_of(arguments, chosen)
    directory = directory_at(place, "--resume")
    with ExitStack() as stack:
        stack.enter_context(directory.tidied())
        record = directory.record()
        stack.enter_context(directory.owned())
        directory.fetch()
        journal = Journal(directory.path)
        journal.cut_torn_line()
        experiment, tracking = resumed_experiment(
            directory, changes, sweep, enqueue=arguments["enqueue"]
        )
        tracking |= changed_tracking
        retried = retry_failed(experiment.history) if rerun_failed else []
        if rerun_failed and not retried:
            if experiment.over:
                raise PcsearchError(f"--rerun-failed: no trial of {directory.place} has failed")
            listener.say("--rerun-failed: no trial has failed")

        def write_record() -> None:
            lasting = {name: value for name, value in changes.items() if name not in not_kept}
            if experiment.edit is not None:
                # One line has the whole edit: a kill leaves all of it, or nothing.
                lasting.pop("num_samples", None)
            edits: dict[str, int] = {}
            if "num_samples" in lasting and experiment.history.edits:
                lasting["num_samples"] = experiment.cap
                edits[EDITS] = len(experiment.history.edits)
            if lasting or changed_tracking:
                options = record["options"] | lasting
                directory.rewrite(record | {"options": options, "tracking": tracking} | edits)
            if experiment.edit is not None:
                journal.add(experiment.edit.event)
            if experiment.queue is not None and experiment.queue.event.configs:
                journal.add(experiment.queue.event)
            for event in retried:
                journal.add(event)

        if experiment.edit is not None or experiment.queue is not None:
            check_own_sweep(tracking, experiment)
        for line in () if experiment.edit is None else experiment.edit.lines:
            listener.say(line)
        _tell_queue(experiment, listener)
        for trial in experiment.history.trials:
            if trial.end is not None and trial.end.elsewhere:
                listener.say(f"trial {trial.number}: another driver runs it again")
        if experiment.over:
            listener.say(_finished(experiment))
        elif is_over(experiment):
            message = "the search is finished: its other trials are those of other drivers"
            listener.say(f"{directory.place}: {message}")
        return run_session(experiment, tracking, listener, on_ready=write_record, stop=stop)


def _tell_queue(experiment: Experiment, listener: Listener) -> None:
    if experiment.queue is None:
        return
    from pcsearch.engine.experiment.enqueuing import without_a_trial

    for line in (
        *experiment.queue.lines,
        without_a_trial(experiment.history, experiment.cap, experiment.reach),
    ):
        if line:
            listener.say(line)


def check_own_sweep(tracking: Mapping[str, Any], experiment: Experiment) -> None:
    """Check that a search that is changed has not joined a sweep of W&B that is not its own.

    Raises:
        PcsearchError: it has.
    """
    from pcsearch.tracking.server.registration import JOINED

    if tracking.get(JOINED):
        message = (
            "the search runs trials of a sweep that W&B had before, and others may run that too: "
            "it can neither be edited nor try other configurations first; start a new search"
        )
        raise PcsearchError(Problem(message, experiment.sweep.source))


def _finished(experiment: Experiment) -> str:
    """A line about a search that is over, and what can still be done with it."""
    count = len(experiment.history.own)
    message = f"{experiment.directory.place}: the search is finished, all {count} trials of it"
    if experiment.history.reached is not None:
        message = f"{experiment.directory.place}: the search is finished, its target is reached"
    elif experiment.history.is_decided:
        message += ": no other run could change which configuration is the best"
    elif count == experiment.reach:
        kind = "grid" if experiment.sweep.method == "grid" else "space"
        message += f", which are all that its {kind} has"
    else:
        message += "; --num-samples N runs more"
    if experiment.history.failed:
        message += "; --rerun-failed retries the failed ones"
    return message


def changes_of(
    arguments: Mapping[str, Any], chosen: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a search that the user gave, and those for its W&B runs."""
    others = (*TRACKING, "enqueue")
    changes = {name: arguments[name] for name in chosen if name not in others}
    return changes, {key: arguments[name] for name, key in TRACKING.items() if name in chosen}


def options_of(arguments: Mapping[str, Any]) -> Options:
    """The options of a search by the values of the command's options; the seed may be drawn."""
    from pcsearch.engine.records.options import Options

    others = ("project", "entity", "enqueue", *TRACKING)
    seed = arguments["seed"] if arguments["seed"] is not None else secrets.randbelow(2**31)
    chosen = {name: value for name, value in arguments.items() if name not in others}
    return Options(**{**chosen, "seed": seed})


def tracking_of(
    arguments: Mapping[str, Any], sweep: Sweep | None, address: SweepAddress | None = None
) -> dict[str, Any]:
    """The W&B settings that the experiment's record keeps.

    The project and the entity come from a sweep's address, else from the options, a variable, the
    sweep file or W&B's settings files, in this order.
    """
    from pcsearch.tracking.server.settings import (
        DEFAULT_PROJECT,
        UserSettings,
        check_project,
        read_settings,
    )

    modes = {key: arguments[name] for name, key in TRACKING.items()}
    # Where nothing is logged, W&B's client is not imported.
    user = UserSettings() if modes["wandb"] == "disabled" else read_settings()
    chosen = {
        name: getattr(address, name, None)
        or user.choose(name, arguments[name], getattr(sweep, name, None))
        for name in ("project", "entity")
    }
    if modes["wandb"] != "disabled":
        check_project(chosen["project"])
    own = {"project": chosen["project"] or DEFAULT_PROJECT, **_group(arguments["name"])}
    return {**chosen, **own, **modes, **user.of_runs()}


def _group(name: str | None) -> dict[str, str]:
    """The group of the W&B runs, where the folder of the experiment has another name."""
    from pcsearch.engine.records.directory import folder_form
    from pcsearch.tracking.server.registration import GROUP, LONGEST_GROUP

    return {} if not name or folder_form(name) == name else {GROUP: name[:LONGEST_GROUP]}
