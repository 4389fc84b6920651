"""``python -m pcsearch clean DIR``: removes what failed and stopped trials no longer need."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.exits import DONE

if TYPE_CHECKING:
    from pcsearch.engine.experiment.cleaning import Leftover
    from pcsearch.engine.records.directory import ExperimentDirectory
    from pcsearch.engine.records.trial_result import Status
    from pcsearch.tracking.server.server_runs import ServerRuns

NAME = "clean"
WANDB = "--wandb"


@verb(
    NAME,
    short_help="Remove the checkpoints of failed and stopped trials.",
)
@DIRECTORY
@click.option("--failed", is_flag=True, help="Only failed trials.")
@click.option("--stopped", is_flag=True, help="Only trials that were stopped early.")
@click.option("--wandb", is_flag=True, help="Delete their runs at W&B, too.")
@click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    directory: str, failed: bool, stopped: bool, wandb: bool, dry_run: bool, yes: bool
) -> int:
    """Remove the checkpoints of the failed and the stopped trials of the experiment in DIR.

    The best trial keeps its checkpoints. All results stay: a later --resume shows every trial, and
    runs none of the cleaned ones again.
    """
    statuses: list[Status] = []
    statuses += ["failed"] if failed or not stopped else []
    statuses += ["stopped"] if stopped or not failed else []
    return clean_experiment(directory, statuses, wandb, None if dry_run else yes)


def clean_experiment(place: str, statuses: list[Status], wandb: bool, yes: bool | None) -> int:
    """List the checkpoints and W&B runs of trials, and remove them after the user agrees.

    Args:
        place: the path or the address of the experiment's directory.
        statuses: of the trials.
        wandb: whether their W&B runs are removed, too.
        yes: whether the user has agreed already; None lists only.

    Raises:
        PcsearchError: there is no such experiment, its search is running, or something cannot be
            removed.
    """
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.journal.journal_file import Journal

    directory = directory_at(place.removeprefix("file://"), NAME)
    with ExitStack() as stack:
        stack.enter_context(directory.tidied())
        directory.record()
        stack.enter_context(directory.owned())
        directory.fetch()
        Journal(directory.path).cut_torn_line()
        return _clean(directory, statuses, wandb, yes)


def _clean(
    directory: ExperimentDirectory, statuses: list[Status], wandb: bool, yes: bool | None
) -> int:
    """List and remove what trials have left, in a directory that this process has locked."""
    from pcsearch.engine.experiment.cleaning import find_leftovers

    server = _server(directory.record()["tracking"]) if wandb else None
    leftovers = find_leftovers(directory, statuses)
    runs = _runs(directory, leftovers, server)
    leftovers = [each for each in leftovers if each.checkpoints or each.result.trial_id in runs]
    if not leftovers:
        click.echo(f"{directory.place}: nothing to remove")
        return DONE
    for leftover in leftovers:
        click.echo(_line(leftover, leftover.result.trial_id in runs))
    if yes is None:
        return DONE
    if not yes and not _agreed(len(leftovers)):
        click.echo("nothing was removed")
        return DONE
    _remove(directory, leftovers, runs, server)
    click.echo(f"removed: {_removed(leftovers, len(runs))}")
    return DONE


def _server(tracking: dict[str, Any]) -> ServerRuns:
    from pcsearch.tracking.server.mode import require_server
    from pcsearch.tracking.server.server_runs import ServerRuns

    require_server(WANDB)
    return ServerRuns(tracking["project"], tracking["entity"])


def _runs(
    directory: ExperimentDirectory, leftovers: list[Leftover], server: ServerRuns | None
) -> set[str]:
    """Find the trials that have a run, at W&B's server or in local files; return their ids."""
    if server is None:
        return set()
    from pcsearch.tracking.runs.offline_files import session_folders
    from pcsearch.tracking.server.api import NoAnswer

    ids = [each.result.trial_id for each in leftovers]
    try:
        return {i for i in ids if session_folders(directory.path, i) or server.read(i) is not None}
    except NoAnswer as problem:
        raise PcsearchError(
            Problem(f"W&B does not tell of its runs: {problem}", WANDB)
        ) from problem


def _line(leftover: Leftover, has_run: bool) -> str:
    result = leftover.result
    parts = [_count(len(leftover.checkpoints), leftover.size)] if leftover.checkpoints else []
    parts += [f"the W&B run {result.trial_id}"] if has_run else []
    left = " and ".join(parts)
    return f"trial {result.number}, {result.status} after epoch {result.epoch}: {left}"


def _removed(leftovers: list[Leftover], runs: int) -> str:
    checkpoints = sum(len(each.checkpoints) for each in leftovers)
    parts = [_count(checkpoints, sum(each.size for each in leftovers))] if checkpoints else []
    parts += ["1 W&B run" if runs == 1 else f"{runs} W&B runs"] if runs else []
    return " and ".join(parts)


def _count(checkpoints: int, size: int) -> str:
    what = "1 checkpoint" if checkpoints == 1 else f"{checkpoints} checkpoints"
    return f"{what} ({size / 1e6:.1f} MB)"


def _agreed(count: int) -> bool:
    whose = "this trial" if count == 1 else f"these {count} trials"
    try:
        return input(f"Remove this of {whose}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        message = "nobody answered, and nothing was removed; --yes removes it without a question"
        raise PcsearchError(message) from None


def _remove(
    directory: ExperimentDirectory,
    leftovers: list[Leftover],
    runs: set[str],
    server: ServerRuns | None,
) -> None:
    from pcsearch.engine.experiment.cleaning import delete_folders

    for leftover in leftovers:
        if server is not None and leftover.result.trial_id in runs:
            _remove_run(directory, leftover.result.trial_id, server)
        delete_folders(directory, leftover.checkpoints)


def _remove_run(directory: ExperimentDirectory, run_id: str, server: ServerRuns) -> None:
    """Delete a run at W&B's server and in local files, so that no session uploads it again."""
    from pcsearch.engine.experiment.cleaning import delete_folders
    from pcsearch.engine.records.directory import ExperimentDirectory
    from pcsearch.engine.records.journal.events import RunCompleted
    from pcsearch.engine.records.journal.journal_file import Journal
    from pcsearch.tracking.runs.offline_files import session_folders
    from pcsearch.tracking.server.api import NoAnswer

    try:
        server.delete(run_id)
    except NoAnswer as problem:
        message = f"W&B did not delete the run {run_id}: {problem}"
        raise PcsearchError(Problem(message, WANDB)) from problem
    Journal(directory.path).add(RunCompleted(run_id, 0))
    delete_folders(directory, session_folders(directory.path, run_id))
    if directory.copy is not None:
        # Where `wandb sync` would find them.
        kept = ExperimentDirectory(directory.copy.leftover)
        delete_folders(kept, session_folders(kept.path, run_id))
