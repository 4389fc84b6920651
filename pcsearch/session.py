"""Runs one session of a search, from the connection to the cluster to the printed results."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.storage.files import StorageError, resume_command
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.errors import PcsearchError
from pcsearch.exits import DONE, INTERRUPTED, SOME_FAILED
from pcsearch.temporary import remove_leftovers

if TYPE_CHECKING:
    from rich.console import Console

    from pcsearch.engine.execution.preparation import Cluster
    from pcsearch.engine.execution.run import SearchResult
    from pcsearch.engine.records.ledger import Ledger
    from pcsearch.tracking.callback import WandbCallback
    from pcsearch.tracking.ledger.sweep_ledger import SweepLedger
    from pcsearch.tracking.runs.manager import RunManager
    from pcsearch.tracking.server.mode import WandbMode
    from pcsearch.tracking.server.registration import Registration

FILE_WIDTH = 160


def run_session(
    experiment: Experiment,
    tracking: dict[str, Any],
    mode: WandbMode | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Run a session of a search and print its results.

    Args:
        experiment: what to run.
        tracking: the W&B settings: ``project``, ``entity``, ``wandb`` (the mode), ``artifacts``,
            for a W&B sweep ``sweep_id`` and ``sweep_url``, and what the user has set of ``tags``,
            ``notes`` and ``job_type``.
        mode: where the W&B runs go; None decides it by ``tracking``.
        on_ready: called when the cluster is connected, before the search starts.

    Returns:
        The exit status.

    Raises:
        PcsearchError: the data, the cluster, the directory or W&B cannot be used.
    """
    from pcsearch.tracking.server.mode import resolve

    remove_leftovers()
    notes = console(stderr=True)
    mode = mode or resolve(tracking["wandb"])
    warn(notes, *experiment.workload.prepare(experiment.sweep, experiment.folder))
    _announce(experiment, tracking, mode, notes)

    # These load Ray, which takes seconds: the lines and the mistakes above come first.
    from pcsearch.engine.execution.preparation import connected_cluster
    from pcsearch.kept_page.keeping import last_page
    from pcsearch.tracking.server.credentials import withhold_credentials

    environment = dict(os.environ)
    # The directory stays locked until W&B's threads, which write there, have ended.
    with ExitStack() as stack:
        with (
            withhold_credentials(mode.mode),
            connected_cluster(experiment, lambda line: warn(notes, line)) as cluster,
        ):
            on_ready()
            result, wandb, ledger = _search(
                experiment, tracking, mode, cluster, notes, stack, environment
            )
        if not experiment.directory.is_there:
            settle(wandb.manager, notes)
            place = experiment.directory.place
            raise PcsearchError(f"{place} was removed while the search ran: its results are lost")
        _report(experiment, result)
        settle(wandb.manager, notes)
        if ledger is not None:
            ended = [trial.trial_id for trial in result.trials if trial.status != "interrupted"]
            is_target = result.reached is not None
            ledger.finish(ended, is_over=not result.reason, reached_target=is_target)
        _tell_of_uploads(experiment, wandb)
        page = last_page(experiment, partial(say, notes), partial(warn, notes))
        if page is not None:
            say(console(), f"The page of the search is {page}")
    # Those of trials that were killed in this session.
    remove_leftovers()
    return _status(result)


def _announce(
    experiment: Experiment, tracking: dict[str, Any], mode: WandbMode, notes: Console
) -> None:
    """Print what will run, and where its results go."""
    from pcsearch.tracking.server.notes import notes_for_search

    wandb_notes = notes_for_search(mode, tracking, experiment.sweep.description)
    workload_notes = experiment.workload.notes(experiment.options.compile == "auto")
    say(notes, _describe(experiment))
    for line in (mode.reason, *wandb_notes, *experiment.sweep.notes, *workload_notes):
        say(notes, line)
    say(notes, f"Everything goes to {experiment.directory.place}")


def _search(
    experiment: Experiment,
    tracking: dict[str, Any],
    mode: WandbMode,
    cluster: Cluster,
    notes: Console,
    stack: ExitStack,
    environment: dict[str, str],
) -> tuple[SearchResult, WandbCallback, SweepLedger | None]:
    """Restore the trials of earlier sessions, and run the search on a cluster.

    The directory is locked until ``stack`` is closed; ``environment`` is that of the command.
    """
    from pcsearch.engine.execution.preparation import locked_directory
    from pcsearch.engine.execution.restore import restore
    from pcsearch.engine.execution.run import run
    from pcsearch.engine.experiment.joining import directory_ledger
    from pcsearch.engine.records.drivers import is_shared
    from pcsearch.kept_page.keeping import kept_page
    from pcsearch.ray_death import end_session
    from pcsearch.reports.live import LiveReport
    from pcsearch.tracking.factory import make_callback, make_ledger, make_program_tracking
    from pcsearch.tracking.server.registration import SWEEP_ID, register_search

    # Not earlier: a search that cannot start should leave nothing in W&B.
    has_begun = experiment.resumed or is_shared(experiment.directory.path)
    registration = register_search(experiment.sweep, tracking, mode.mode, has_begun)
    if registration.message:
        say(notes, registration.message)
    warn(notes, registration.problem)
    ledger = make_ledger(experiment, registration, lambda line: warn(notes, line))
    warn(notes, *_given_up(experiment, registration, ledger))
    outcomes, damage = experiment.outcomes(), experiment.workload.damage
    restored = [restore(trial, damage) for trial in experiment.history.trials]
    warn(notes, *experiment.history.notes, *(each.note for each in restored))
    live = LiveReport(experiment, outcomes, notes)
    wandb = make_callback(experiment, outcomes, registration, lambda line: warn(notes, line))
    with _quiet_logs(), live.shown(), _closed_on_error(experiment, wandb, notes):
        stack.enter_context(locked_directory(experiment, registration.tracking))
        with (
            ledger.running() if ledger is not None else nullcontext(),
            cluster.connection.watching(
                lambda what: end_session(experiment, what, environment, cluster.connection)
            ),
            kept_page(experiment),
        ):
            claims: Ledger | None = None if ledger is None else ledger.offers
            if not registration.tracking.get(SWEEP_ID):
                claims = directory_ledger(experiment, lambda line: warn(notes, line))
            result = run(
                experiment,
                restored,
                outcomes,
                [live, wandb],
                cluster,
                claims,
                lambda line: warn(notes, line),
                make_program_tracking(experiment, registration),
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
    experiment: Experiment, wandb: WandbCallback, notes: Console
) -> Iterator[None]:
    """Close W&B's runs if an error ends the block, and say what to do."""
    from pcsearch.engine.cluster.connection import ConnectionLostError

    try:
        yield
    except KeyboardInterrupt:
        # The user has interrupted for the second time, and does not want to wait.
        wandb.manager.abandon("the search was interrupted twice")
        say(notes, f"Resume it: {resume_command(experiment.directory.place)}")
        raise
    except BaseException as error:
        wandb.close(error)
        settle(wandb.manager, notes)
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


def _status(outcome: SearchResult) -> int:
    if outcome.reason in ("signal", "cancelled", "time"):
        return DONE if outcome.reason == "time" else INTERRUPTED
    return SOME_FAILED if outcome.failed else DONE


def settle(runs: RunManager, notes: Console) -> None:
    """Wait until W&B has all data."""

    def tell(count: int) -> None:
        counted = "1 run" if count == 1 else f"{count} runs"
        say(notes, f"Waiting for W&B: {counted} to go; Ctrl-C leaves the rest for later")

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


def console(stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    terminal = Console(stderr=stderr)
    # A file or a pipe has no width of its own, and 80 columns would fold the tables.
    return terminal if terminal.is_terminal else Console(stderr=stderr, width=FILE_WIDTH)


def say(to: Console, text: str, style: str | None = None) -> None:
    """Print a line without folding it."""
    to.print(text, style=style, highlight=False, soft_wrap=True, markup=False)


def warn(to: Console, *texts: str) -> None:
    """Print the texts that are not empty, as warnings."""
    for text in texts:
        if text:
            say(to, text, style="yellow")


def _describe(experiment: Experiment) -> str:
    """One line about the search: its trials, method, rungs, metrics and seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        rungs = sweep.early_terminate.describe_rungs(experiment.max_epochs)
        parts.append(f"ASHA after {rungs} {experiment.workload.counted}")
    parts += [metric.describe() for metric in experiment.metrics]
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)


def _report(experiment: Experiment, outcome: SearchResult) -> None:
    from pcsearch.engine.experiment.definition import space_size
    from pcsearch.engine.records.kept_model import kept_model
    from pcsearch.engine.search.target import HOPELESS
    from pcsearch.reports.results import best_configurations, failures, table

    output = console()
    sweep, metrics, place = experiment.sweep, experiment.metrics, experiment.directory.place
    output.print(table(outcome.trials, sweep, metrics))
    for part in best_configurations(outcome.trials, sweep, metrics):
        output.print(part)
    for failure in failures(outcome.trials):
        say(output, failure)
    if outcome.ray_logs:
        say(output, f"Ray's own logs lie in {outcome.ray_logs}")
    for trial in outcome.trials:
        if trial.trial_id == outcome.reached:
            say(output, f"The search ended because trial {trial.number} reached the target.")
    if outcome.reason == "hopeless":
        say(output, f"The search was given up: its first {HOPELESS} trials failed in the same way.")
    size = space_size(sweep, experiment.options)
    if sweep.method != "grid" and len(outcome.trials) == size and not outcome.reason:
        say(output, f"The search has had all {size} configurations that there are.")
    if outcome.reason == "time":
        say(output, "The session ended because its --time-budget was up.")
    say(output, f"Everything lies in {place}")
    kept = None
    # What follows is still true where the storage does not answer.
    with suppress(StorageError):
        kept = kept_model(experiment.directory)
    if kept is not None:
        say(output, f"The best model, of trial {kept.trial}, lies in {kept.place}")
    missing = len(outcome.trials) < experiment.cap and outcome.reached is None
    others = _others(experiment)
    if others:
        say(output, others)
    elif missing and outcome.exhausted and not outcome.reason:
        say(output, "The other trials of the sweep are those of other drivers.")
    if outcome.closed and others:
        say(output, "The search ended because a trial of another driver reached the target.")
    unfinished = missing and not outcome.exhausted and not (outcome.closed and others)
    if outcome.reason or unfinished:
        say(output, f"Resume it: {resume_command(place)}")


def _others(experiment: Experiment) -> str:
    """A line about the trials of other drivers that share the directory; empty without any."""
    from pcsearch.engine.experiment.joining import other_trials
    from pcsearch.engine.records.drivers import is_shared
    from pcsearch.reports.results import number

    if not is_shared(experiment.directory.path):
        return ""
    try:
        others = other_trials(experiment)
    except PcsearchError as error:
        return str(error)
    counted = f"Other drivers have {others.count} trials of it"
    if others.best is None or others.best.end is None:
        return f"{counted}."
    best, value = others.best, number(others.best.end.values[0])
    found = f"trial {best.number} ({experiment.metrics[0].name} {value}) in {best.folder}"
    return f"{counted}, the best of them {found}"


def _tell_of_uploads(experiment: Experiment, wandb: WandbCallback) -> None:
    """Print the command that uploads what W&B lacks."""
    from pcsearch.tracking.runs.offline_files import has_unmarked, has_unmarked_online
    from pcsearch.tracking.server.mode import sync_command

    directory = experiment.directory
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
    say(console(), f"Upload it to W&B: {command}")
