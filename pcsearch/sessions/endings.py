"""How a session ends: with its results and W&B's last data, or with an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.storage.files import StorageError, resume_command
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.errors import PcsearchError
from pcsearch.reports.listener import Listener

if TYPE_CHECKING:
    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.sessions.tracked_search import TrackedSearch
    from pcsearch.tracking.callback import WandbCallback
    from pcsearch.tracking.runs.manager import RunManager


def conclude(search: TrackedSearch, result: SessionResult, listener: Listener) -> None:
    """Tell what a session has come to, and wait until W&B has it; the directory is still locked.

    Raises:
        PcsearchError: the directory was removed while the search ran, or the results cannot be
            printed.
    """
    experiment, runs = search.experiment, search.wandb.manager
    if not experiment.directory.is_there:
        settle(runs, listener.say)
        place = experiment.directory.place
        raise PcsearchError(f"{place} was removed while the search ran: its results are lost")
    try:
        listener.conclude(experiment, result)
    # W&B, other drivers and the page get the end also where the results cannot be printed.
    finally:
        _finish(search, result, listener)


def _finish(search: TrackedSearch, result: SessionResult, listener: Listener) -> None:
    """Wait until W&B has what the session has come to, and draw the page."""
    from pcsearch.page.live.keeping import last_page

    experiment = search.experiment
    settle(search.wandb.manager, listener.say)
    if search.sweep_ledger is not None:
        ended = [trial.trial_id for trial in result.trials if trial.ended]
        is_target = result.reached is not None
        search.sweep_ledger.finish(ended, is_over=not result.reason, reached_target=is_target)
    _tell_of_uploads(experiment, search.wandb, listener)
    page = last_page(experiment, listener.say, listener.warn)
    if page is not None:
        listener.advise(f"The page of the search is {page}")


def settle(runs: RunManager, say: Callable[[str], None]) -> None:
    """Wait until W&B has all data.

    Args:
        runs: of the session.
        say: takes a line for the user, who may not want to wait.
    """

    def tell(count: int) -> None:
        counted = "1 run" if count == 1 else f"{count} runs"
        say(f"Waiting for W&B: {counted} to go; Ctrl-C leaves the rest for later")

    with quiet_logs():
        try:
            runs.settle(tell)
        except KeyboardInterrupt:
            runs.abandon("the wait was interrupted")


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


@contextmanager
def closed_on_error(
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


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Ignore logs that cannot be written: W&B's logs are on the disk that may be full.

    Python would print a traceback for each of their lines.
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        logging.raiseExceptions = before
