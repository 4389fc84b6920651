"""What the command does: plan, start or resume a search, or register or run a W&B sweep.

Each function imports what it needs, so that --help and --plan stay fast.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sessions import launching, sharing
from pcsearch.sessions.launching import options_of, tracking_of
from pcsearch.system.exits import DONE, INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.experiment.definition import SearchDefinition
    from pcsearch.reports.terminal import Terminal


def plan(
    sweep: str | Path,
    arguments: Mapping[str, Any],
    draws: int | None,
    as_json: bool,
    text: str | None = None,
) -> int:
    """Print the plan of a search: its trials, searcher, scheduler and parameters.

    Args:
        sweep: the sweep file, or its name in messages if ``text`` is given.
        arguments: the values of the command's options, by name.
        draws: how many configurations the plan shows, None for the usual number.
        as_json: whether to print JSON.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong.
    """
    from pcsearch.engine.experiment.plan import make_plan
    from pcsearch.engine.experiment.resumed_plan import make_plan_with_queue
    from pcsearch.reports.plan import as_document, as_text

    options, enqueue = options_of(arguments), arguments["enqueue"]

    def check(search: SearchDefinition) -> None:
        launching.check_artifacts(search, {"artifacts": arguments["wandb_artifacts"]})

    if enqueue is None:
        search_plan = make_plan(sweep, options, draws, text, check)
    else:
        search_plan = make_plan_with_queue(sweep, options, draws, enqueue, text, check)
    click.echo(as_document(search_plan) if as_json else as_text(search_plan))
    return DONE


def plan_resumed(
    place: str,
    sweep: Path | None,
    arguments: Mapping[str, Any],
    chosen: Collection[str],
    draws: int | None,
    as_json: bool,
) -> int:
    """Print what a search would do where it is resumed: with its own sweep file, or another.

    Args:
        place: the path or the address of its directory.
        sweep: the file that it would have from then on, None for its own.
        arguments: the values of the command's options, by name.
        chosen: the names of the options that the user gave.
        draws: how many configurations the plan shows, None for the usual number.
        as_json: whether to print JSON.

    Raises:
        PcsearchError: there is no such search, or it cannot have the file or an option.
    """
    from pcsearch.engine.experiment.resumed_plan import make_resumed_plan
    from pcsearch.reports.plan import as_document, as_text
    from pcsearch.sessions.resuming import check_own_sweep

    changes, _ = launching.changes_of(arguments, chosen)
    search_plan = make_resumed_plan(
        place, sweep, changes, draws, arguments["enqueue"], check_own_sweep
    )
    click.echo(as_document(search_plan) if as_json else as_text(search_plan))
    return DONE


def create(sweep: Path, arguments: Mapping[str, Any]) -> int:
    """Register a sweep file with W&B, and print the new sweep's id.

    Raises:
        PcsearchError: something is wrong with the file, or W&B does not take it.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.sweeps.replicates import ALONE
    from pcsearch.tracking.server.api import NoAnswer
    from pcsearch.tracking.server.mode import require_server
    from pcsearch.tracking.server.sweep import create_sweep

    options = options_of(arguments)
    search = define_search(sweep, options)
    if search.replicates is not None:
        raise PcsearchError(Problem(ALONE, "--create-only"))
    checked = search.sweep
    require_server("--create-only")
    tracking = tracking_of(arguments, checked)
    try:
        registered = create_sweep(checked, tracking["project"], tracking["entity"])
    except NoAnswer as problem:
        message = f"W&B did not register the sweep: {problem}"
        raise PcsearchError(Problem(message, "--create-only")) from problem
    # The id alone on standard output, for scripts.
    click.echo(registered.id)
    click.echo(f"W&B sweep: {registered.url}", err=True)
    return DONE


def start(sweep: str | Path, arguments: Mapping[str, Any], text: str | None = None) -> int:
    """Run the search of a sweep file, as `launching.start`, and print its results."""
    return _status(launching.start(sweep, arguments, _terminal(arguments), text))


def start_in_sweep(sweep: Path | None, sweep_id: str, arguments: Mapping[str, Any]) -> int:
    """Run the search of a sweep that W&B has, as `sharing.start_in_sweep`."""
    return _status(sharing.start_in_sweep(sweep, sweep_id, arguments, _terminal(arguments)))


def resume(
    place: str,
    sweep: Path | None,
    arguments: Mapping[str, Any],
    chosen: Collection[str],
    rerun_failed: bool,
) -> int:
    """Resume the search of an experiment's directory, as `resuming.resume`."""
    from pcsearch.sessions import resuming

    terminal = _terminal(arguments)
    return _status(resuming.resume(place, sweep, arguments, chosen, rerun_failed, terminal))


def join(
    place: str, sweep: Path | None, arguments: Mapping[str, Any], chosen: Collection[str]
) -> int:
    """Run trials of a search that another machine runs, as `sharing.join`."""
    return _status(sharing.join(place, sweep, arguments, chosen, _terminal(arguments)))


def _terminal(arguments: Mapping[str, Any]) -> Terminal:
    from pcsearch.reports.terminal import Terminal

    return Terminal(arguments["quiet"])


def _status(result: SessionResult) -> int:
    """The exit status of a session."""
    if result.reason in ("signal", "cancelled", "asked", "time"):
        return DONE if result.reason == "time" else INTERRUPTED
    return SOME_FAILED if result.failed else DONE
