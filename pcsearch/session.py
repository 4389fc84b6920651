"""One session of a search: started or gone on with, run, and reported."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.journal import Journal, Tracked
from pcsearch.engine.storage.files import StorageError, resume_command
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.errors import PcsearchError
from pcsearch.exits import DONE, INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from rich.console import Console

    from pcsearch.engine.execution.outcomes import Record
    from pcsearch.engine.execution.run import SearchResult
    from pcsearch.tracking.callback import WandbCallback
    from pcsearch.tracking.server.api import Mode
    from pcsearch.tracking.server.mode import WandbMode
    from pcsearch.tracking.server.registration import Attachment

FILE_WIDTH = 160


def run_session(
    experiment: Experiment,
    tracking: dict[str, Any],
    mode: WandbMode | None = None,
    begun: Callable[[], None] = lambda: None,
) -> int:
    """Run a search and print what it finds.

    Args:
        experiment: what to run.
        tracking: W&B's ``project``, ``entity``, mode (``wandb``) and ``artifacts``, and its sweep
            where there is one (``sweep_id``, ``sweep_url``).
        mode: where the runs go; found out when left out.
        begun: called when the search can run, before it does.

    Returns:
        The exit status.

    Raises:
        PcsearchError: the data, the cluster, the directory or W&B cannot be had.
    """
    from pcsearch.tracking.server.mode import resolve

    notes, place = console(stderr=True), experiment.directory.place
    mode = mode or resolve(tracking["wandb"])
    experiment.workload.prepare(experiment.sweep, experiment.folder)
    said = experiment.workload.notes(experiment.options.compile == "auto")
    for line in (_describe(experiment), mode.reason, *experiment.sweep.notes, *said):
        say(notes, line)
    say(notes, f"Everything goes to {place}")

    # They load Ray, which a mistake that is found before should not wait for.
    from pcsearch.engine.execution.outcomes import Record
    from pcsearch.engine.execution.preparation import connected_cluster, locked_directory
    from pcsearch.engine.execution.restore import restore
    from pcsearch.engine.execution.run import run
    from pcsearch.reports.live import LiveReport
    from pcsearch.tracking.server.credentials import withheld
    from pcsearch.tracking.server.registration import attach

    def tell(line: str) -> None:
        warn(notes, line)

    # To the end: W&B's threads write there too.
    with ExitStack() as kept:
        with withheld(mode.mode), connected_cluster(experiment, tell) as cluster:
            begun()
            record = Record(experiment)
            damage = experiment.workload.damage
            restored = [restore(past, damage) for past in experiment.history.trials]
            warn(notes, *(each.note for each in restored))
            live = LiveReport(experiment, record, notes)
            # Only now: a search that cannot start should leave nothing in W&B.
            attached = attach(experiment.sweep, tracking, mode.mode, experiment.resumed)
            if attached.sweep:
                say(notes, attached.sweep)
            warn(notes, attached.problem)
            wandb = _callback(experiment, record, attached)
            with _quiet_logs(), live.shown(), _seen_off(experiment, wandb, notes):
                kept.enter_context(locked_directory(experiment, attached.tracking))
                outcome = run(experiment, restored, record, [live, wandb], cluster)
        _report(experiment, outcome)
        _settle(wandb, notes)
        _tell_of_uploads(experiment, attached.mode, wandb.unfinished)
    return _status(outcome)


@contextmanager
def _seen_off(experiment: Experiment, wandb: WandbCallback, notes: Console) -> Iterator[None]:
    """See W&B's runs off where an error ends the session, and say what to do."""
    from pcsearch.engine.cluster.connection import ConnectionLostError

    try:
        yield
    except KeyboardInterrupt:
        # The second: nothing is waited for.
        wandb.abandon("the search was interrupted twice")
        say(notes, f"Go on with it: {resume_command(experiment.directory.place)}")
        raise
    except BaseException as error:
        wandb.close(error)
        _settle(wandb, notes)
        if not isinstance(error, StorageError | ConnectionLostError):
            raise
        raise PcsearchError(_advice(error, experiment)) from error


def _advice(error: Exception, experiment: Experiment) -> str:
    """What to do where the storage, or the cluster, has ended a session."""
    if isinstance(error, TakenOverError):
        return str(error)
    first = ""
    if isinstance(error, StorageError):
        local = experiment.directory.copy is None
        first = "make room there and " if local else "see to the storage and "
    return f"{error}; {first}go on with it: {resume_command(experiment.directory.place)}"


def _status(outcome: SearchResult) -> int:
    if outcome.reason in ("signal", "time"):
        return INTERRUPTED if outcome.reason == "signal" else DONE
    return SOME_FAILED if outcome.failed else DONE


def _settle(wandb: WandbCallback, notes: Console) -> None:
    """Wait for W&B, and say what it lacks."""

    def tell(runs: int) -> None:
        counted = "1 run" if runs == 1 else f"{runs} runs"
        say(notes, f"Waiting for W&B: {counted} to go; Ctrl-C leaves the rest for later")

    with _quiet_logs():
        try:
            wandb.settle(tell)
        except KeyboardInterrupt:
            wandb.abandon("the wait was interrupted")
    warn(notes, *wandb.problems)


def _callback(experiment: Experiment, record: Record, attached: Attachment) -> WandbCallback:
    from pcsearch.tracking.callback import WandbCallback
    from pcsearch.tracking.runs.context import Earlier, Search
    from pcsearch.tracking.runs.run import Home
    from pcsearch.tracking.server.registration import SWEEP_ID

    sweep, directory, tracking = experiment.sweep, experiment.directory, attached.tracking
    tags: list[str] = [sweep.method]
    if sweep.method in ("bayes", "custom"):
        tags += ["optuna", f"sampler:{experiment.options.sampler}"]
    if experiment.rungs:
        tags.append("asha")
    home = Home(
        tracking["project"],
        tracking["entity"],
        directory.name,
        directory.path,
        tuple(tags),
        sweep.description,
        tracking.get(SWEEP_ID),
        directory.place,
    )
    search = Search(
        experiment.metrics,
        [parameter.name for parameter in sweep.searched()],
        experiment.cap,
        experiment.workload.effective_config,
        # Experiments of earlier versions say nothing of it.
        artifacts=tracking.get("artifacts", "none"),
    )
    history, journal = experiment.history, Journal(directory.path)
    tracked = {each.id: each.tracked for each in history.trials if each.tracked is not None}
    earlier = Earlier(
        frozenset(each.id for each in history.trials),
        tracked,
        experiment.over,
        lambda trial_id, step: journal.add(Tracked(trial_id, step)),
    )
    return WandbCallback(home, attached.mode, record, search, earlier)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Let a log that cannot be written pass: W&B's lie on the disk that may be full.

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

    made = Console(stderr=stderr)
    # A file or a pipe has no width of its own, and 80 columns would fold the tables.
    return made if made.is_terminal else Console(stderr=stderr, width=FILE_WIDTH)


def say(to: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is, however long."""
    to.print(text, style=style, highlight=False, soft_wrap=True, markup=False)


def warn(to: Console, *texts: str) -> None:
    """Print lines of what went wrong, as far as there is something."""
    for text in texts:
        if text:
            say(to, text, style="yellow")


def _describe(experiment: Experiment) -> str:
    """The search in a line: how many trials, how they are chosen and stopped, and the seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        parts.append(f"ASHA at epochs {', '.join(map(str, experiment.rungs[:10])) or 'none'}")
    parts += [metric.describe() for metric in experiment.metrics]
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)


def _report(experiment: Experiment, outcome: SearchResult) -> None:
    from pcsearch.engine.search.target import HOPELESS
    from pcsearch.reports.results import best_configurations, failures, table

    output = console()
    sweep, metrics, place = experiment.sweep, experiment.metrics, experiment.directory.place
    output.print(table(outcome.trials, sweep, metrics))
    for part in best_configurations(outcome.trials, sweep, metrics):
        output.print(part)
    for failure in failures(outcome.trials):
        say(output, failure)
    if outcome.failed:
        say(output, f"Ray's own logs lie in {outcome.ray_logs}")
    for trial in outcome.trials:
        if trial.trial_id == outcome.reached:
            say(output, f"The search ended because trial {trial.number} reached the target.")
    if outcome.reason == "hopeless":
        say(output, f"The search was given up: its first {HOPELESS} trials failed in the same way.")
    if outcome.reason == "time":
        say(output, "The session ended because its --time-budget was up.")
    say(output, f"Everything lies in {place}")
    unfinished = len(outcome.trials) < experiment.cap and outcome.reached is None
    if outcome.reason or unfinished:
        say(output, f"Go on with it: {resume_command(place)}")


def _tell_of_uploads(experiment: Experiment, mode: Mode, unfinished: bool) -> None:
    """Say how W&B gets what it lacks."""
    from pcsearch.tracking.runs.offline_files import unmarked
    from pcsearch.tracking.server.mode import sync_command

    directory = experiment.directory
    output, files, place = console(), unmarked(directory.path), directory.place
    if files:
        lasting = directory.path if directory.copy is None else directory.copy.leftover
        say(output, f"Upload it to W&B: {sync_command(lasting)}")
    if mode == "online" and (files or unfinished):
        # What had arrived of a run is known to the server alone.
        way = "Or upload it with no epoch twice" if files else "Upload it to W&B"
        say(output, f"{way}: {resume_command(place)} --wandb online")
