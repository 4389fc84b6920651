"""Runs one session of a search, from the connection to the cluster to W&B's last upload."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Event
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.storage.files import StorageError, resume_command
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.errors import PcsearchError
from pcsearch.reports.listener import Listener
from pcsearch.temporary import remove_leftovers

if TYPE_CHECKING:
    from pcsearch.engine.execution.preparation import Cluster
    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.records.ledger import Ledger
    from pcsearch.tracking.callback import WandbCallback
    from pcsearch.tracking.ledger.sweep_ledger import SweepLedger
    from pcsearch.tracking.runs.manager import RunManager
    from pcsearch.tracking.server.mode import WandbMode
    from pcsearch.tracking.server.registration import Registration


def run_session(
    experiment: Experiment,
    tracking: dict[str, Any],
    listener: Listener,
    mode: WandbMode | None = None,
    on_ready: Callable[[], None] = lambda: None,
    stop: Event | None = None,
) -> SessionResult:
    """Run a session of a search.

    Args:
        experiment: what to run.
        tracking: the W&B settings: ``project``, ``entity``, ``wandb`` (the mode), ``artifacts``,
            for a W&B sweep ``sweep_id`` and ``sweep_url``, and what the user has set of ``tags``,
            ``notes`` and ``job_type``.
        listener: is told what happens, and what the search has come to.
        mode: where the W&B runs go; None decides it by ``tracking``.
        on_ready: called when the cluster is connected, before the search starts.
        stop: of a session inside another program: ends it when it is set. None for a command, whose
            process may be replaced by another one when Ray has died.

    Returns:
        The results of the search, and why the session ended.

    Raises:
        PcsearchError: the data, the cluster, the directory or W&B cannot be used.
    """
    from pcsearch.tracking.server.mode import resolve

    remove_leftovers()
    mode = mode or resolve(tracking["wandb"])
    listener.warn(*experiment.workload.prepare(experiment.sweep, experiment.folder))
    _announce(experiment, tracking, mode, listener)

    # These load Ray, which takes seconds: the lines and the mistakes above come first.
    from pcsearch.engine.execution.preparation import connected_cluster
    from pcsearch.kept_page.keeping import last_page
    from pcsearch.sessions.ray_death import RESTARTED
    from pcsearch.tracking.server.credentials import withhold_credentials

    environment = dict(os.environ) if stop is None else {**os.environ, RESTARTED: "1"}
    # The directory stays locked until W&B's threads, which write there, have ended.
    with ExitStack() as stack:
        with (
            withhold_credentials(mode.mode),
            connected_cluster(experiment, listener.warn) as cluster,
        ):
            on_ready()
            result, wandb, ledger = _search(
                experiment, tracking, mode, cluster, listener, stack, environment, stop
            )
        if not experiment.directory.is_there:
            settle(wandb.manager, listener.say)
            place = experiment.directory.place
            raise PcsearchError(f"{place} was removed while the search ran: its results are lost")
        listener.conclude(experiment, result)
        settle(wandb.manager, listener.say)
        if ledger is not None:
            ended = [trial.trial_id for trial in result.trials if trial.status != "interrupted"]
            is_target = result.reached is not None
            ledger.finish(ended, is_over=not result.reason, reached_target=is_target)
        _tell_of_uploads(experiment, wandb, listener)
        page = last_page(experiment, listener.say, listener.warn)
        if page is not None:
            listener.advise(f"The page of the search is {page}")
    # Those of trials that were killed in this session.
    remove_leftovers()
    return result


def _announce(
    experiment: Experiment, tracking: dict[str, Any], mode: WandbMode, listener: Listener
) -> None:
    """Print what will run, and where its results go."""
    from pcsearch.tracking.server.notes import notes_for_search

    wandb_notes = notes_for_search(mode, tracking, experiment.sweep.description)
    workload_notes = experiment.workload.notes(experiment.options.compile == "auto")
    listener.say(_describe(experiment))
    for line in (mode.reason, *wandb_notes, *experiment.sweep.notes, *workload_notes):
        listener.say(line)
    listener.say(f"Everything goes to {experiment.directory.place}")


def _search(
    experiment: Experiment,
    tracking: dict[str, Any],
    mode: WandbMode,
    cluster: Cluster,
    listener: Listener,
    stack: ExitStack,
    environment: dict[str, str],
    stop: Event | None,
) -> tuple[SessionResult, WandbCallback, SweepLedger | None]:
    """Restore the trials of earlier sessions, and run the search on a cluster.

    The directory is locked until ``stack`` is closed; ``environment`` is that of the command, and
    ``stop`` ends the session.
    """
    from pcsearch.engine.execution.preparation import locked_directory
    from pcsearch.engine.execution.restore import restore
    from pcsearch.engine.execution.run import run
    from pcsearch.engine.experiment.joining import directory_ledger
    from pcsearch.engine.records.drivers import is_shared
    from pcsearch.kept_page.keeping import kept_page
    from pcsearch.sessions.ray_death import end_session
    from pcsearch.tracking.factory import make_callback, make_ledger, make_program_tracking
    from pcsearch.tracking.server.registration import JOINED, SWEEP_ID, register_search

    # Not earlier: a search that cannot start should leave nothing in W&B.
    has_begun = experiment.resumed or is_shared(experiment.directory.path)
    is_edited = bool(experiment.history.edits) and not tracking.get(JOINED)
    replicates = experiment.replicates
    sweep = experiment.sweep if replicates is None else replicates.marked(experiment.sweep)
    registration = register_search(sweep, tracking, mode.mode, has_begun, is_edited)
    if registration.message:
        listener.say(registration.message)
    listener.warn(registration.problem)
    ledger = make_ledger(experiment, registration, listener.warn)
    listener.warn(*_given_up(experiment, registration, ledger))
    outcomes, damage = experiment.outcomes(), experiment.workload.damage
    restored = [restore(trial, damage) for trial in experiment.history.trials]
    listener.warn(*experiment.history.notes, *(each.note for each in restored))
    wandb = make_callback(experiment, outcomes, registration, listener.warn)
    with (
        _quiet_logs(),
        listener.progress(experiment, outcomes, lambda: wandb.manager.state) as progress,
        _closed_on_error(experiment, wandb, listener),
    ):
        stack.enter_context(locked_directory(experiment, registration.tracking))
        with (
            ledger.running() if ledger is not None else nullcontext(),
            cluster.connection.watching(
                lambda what: end_session(experiment, what, environment, cluster.connection)
            ),
            kept_page(experiment),
        ):
            claims: Ledger | None = None if ledger is None else ledger.offers
            # Nobody else can know which seed of which configuration is next.
            if not registration.tracking.get(SWEEP_ID) and replicates is None:
                claims = directory_ledger(experiment, listener.warn)
            result = run(
                experiment,
                restored,
                outcomes,
                [progress, wandb],
                cluster,
                claims,
                listener.warn,
                make_program_tracking(experiment, registration),
                stop,
            )
        return result, wandb, ledger


def _given_up(
    experiment: Experiment, registration: Registration, ledger: SweepLedger | None
) -> list[str]:
    """Give up the unfinished trials that other drivers have taken over; a line for each."""
    from pcsearch.engine.records.history import give_up
    from pcsearch.engine.records.journal import Journal
    from pcsearch.tracking.server.registration import JOINED

    history = experiment.history
    if ledger is None:
        is_cut_off = registration.tracking.get(JOINED) and not experiment.over
        line = "Without W&B's server this driver does not know what others of the sweep run"
        return [f"{line}: trials may run twice"] if is_cut_off else []
    if not experiment.resumed:
        return []
    lost = ledger.begin({trial.id for trial in history.unfinished}, history.claims)
    for trial_id in lost:
        Journal(experiment.directory.path).add(give_up(history, trial_id))
    numbers = {trial.id: trial.number for trial in history.trials}
    return [f"trial {numbers[each]}: another driver runs it again" for each in lost]


@contextmanager
def _closed_on_error(
    experiment: Experiment, wandb: WandbCallback, listener: Listener
) -> Iterator[None]:
    """Close W&B's runs if an error ends the block, and say what to do."""
    from pcsearch.engine.cluster.connection import ConnectionLostError

    try:
        yield
    except KeyboardInterrupt:
        # The user has interrupted for the second time, and does not want to wait.
        wandb.manager.abandon("the search was interrupted twice")
        listener.warn(f"Resume it: {resume_command(experiment.directory.place)}")
        raise
    except BaseException as error:
        wandb.close(error)
        settle(wandb.manager, listener.say)
        if not isinstance(error, StorageError | ConnectionLostError):
            raise
        raise PcsearchError(_advice(error, experiment)) from error


def _advice(error: Exception, experiment: Experiment) -> str:
    """The error that ended the session, with what the user can do."""
    if isinstance(error, TakenOverError):
        return str(error)
    first = ""
    if isinstance(error, StorageError):
        local = experiment.directory.copy is None
        first = "make room there and " if local else "see to the storage and "
    return f"{error}; {first}resume it: {resume_command(experiment.directory.place)}"


def settle(runs: RunManager, say: Callable[[str], None]) -> None:
    """Wait until W&B has all data.

    Args:
        runs: of the session.
        say: takes a line for the user, who may not want to wait.
    """

    def tell(count: int) -> None:
        counted = "1 run" if count == 1 else f"{count} runs"
        say(f"Waiting for W&B: {counted} to go; Ctrl-C leaves the rest for later")

    with _quiet_logs():
        try:
            runs.settle(tell)
        except KeyboardInterrupt:
            runs.abandon("the wait was interrupted")


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Ignore logs that cannot be written: W&B's logs are on the disk that may be full.

    Python would print a traceback for each of their lines.
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        logging.raiseExceptions = before


def _describe(experiment: Experiment) -> str:
    """One line about the search: its trials, method, rungs, metrics and seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        rungs = sweep.early_terminate.describe_rungs(experiment.max_epochs)
        by = f" by {sweep.metrics[sweep.compared_by].name}" if len(sweep.metrics) > 1 else ""
        parts.append(f"ASHA{by} after {rungs} {experiment.workload.counted}")
    parts += [metric.describe() for metric in experiment.metrics]
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)


def _tell_of_uploads(experiment: Experiment, wandb: WandbCallback, listener: Listener) -> None:
    """Print the command that uploads what W&B lacks."""
    from pcsearch.tracking.runs.offline_files import has_unmarked, has_unmarked_online
    from pcsearch.tracking.server.mode import sync_command

    directory = experiment.directory
    if directory.copy is not None and experiment.workload.tracks_itself:
        try:
            directory.copy.fetch_runs()
        except StorageError as error:
            listener.warn(f"The W&B runs of programs could not be fetched: {error}")
    files = has_unmarked(directory.path)
    if has_unmarked_online(directory.path) or (
        wandb.mode == "online" and (files or wandb.unfinished)
    ):
        # `wandb sync` would repeat epochs that the server has; --resume asks the server first.
        command = f"{resume_command(directory.place)} --wandb online"
    elif files:
        command = sync_command(
            directory.path if directory.copy is None else directory.copy.leftover
        )
    else:
        return
    listener.advise(f"Upload it to W&B: {command}")
