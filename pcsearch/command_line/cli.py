"""The command line of ``python -m pcsearch``: reads the options, and calls `commands`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pcsearch import __version__
from pcsearch.command_line import commands
from pcsearch.command_line.command_group import CommandGroup, SectionedCommand, command_list
from pcsearch.command_line.options import ADDRESS_VARIABLE, CHANGEABLE, SECTIONS, SWEEP
from pcsearch.command_line.verbs import (
    best,
    clean,
    compare,
    continuing,
    enqueue,
    export,
    limit,
    pause,
    report,
    results,
    run,
    stop,
)
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.exits import exit_status
from pcsearch.train import command as train

_VERBS = {
    "What a search has found": (results, best, compare, export, report),
    "A running search": (stop, pause, continuing, limit, enqueue),
    "More": (clean, run, train),
}
GROUPS: dict[str, dict[str, click.Command]] = {
    heading: {verb.NAME: verb.command for verb in verbs} for heading, verbs in _VERBS.items()
}
"""The commands beside the search, by their names, below the headings of the help."""
OTHERS = {name: each for group in GROUPS.values() for name, each in group.items()}
"""The commands beside the search, by their names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its arguments; the process's own when left out.

    Returns:
        The exit status: 0 done, 1 some trials failed, 2 the sweep or an option is wrong,
        3 Ray died, 130 interrupted.
    """
    return exit_status(program, sys.argv[1:] if argv is None else list(argv))


@click.command(
    "pcsearch",
    cls=SectionedCommand,
    sections=SECTIONS,
    more=[SWEEP],
    epilog=command_list(GROUPS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="pcsearch")
@click.pass_context
def command(
    context: click.Context,
    /,
    sweep: Path | None,
    resume: str | None,
    join: str | None,
    plan: bool,
    draw: int | None,
    as_json: bool,
    create_only: bool,
    sweep_id: str | None,
    rerun_failed: bool,
    **arguments: Any,
) -> int:
    """Run the hyperparameter search of a W&B sweep file, on Ray Tune.

    SWEEP is the file: a sweep.yaml with method grid, random, bayes or custom; - is standard input.
    Each trial runs the file's program where it is there, else it trains the PC transformer; or it
    runs what --trainable says.
    """
    # --help should not pay for it.
    from pcsearch.engine.cluster.environment import set_environment

    _check_together(context)
    set_environment()
    with _source_named(context):
        if resume is not None:
            chosen = _changed(context, "--resume", "in a resumed search", arguments)
            if plan:
                return commands.plan_resumed(resume, sweep, arguments, chosen, draw, as_json)
            return commands.resume(resume, sweep, arguments, chosen, rerun_failed)
        if join is not None:
            chosen = _changed(context, "--join", "where a driver joins", arguments)
            return commands.join(join, sweep, arguments, chosen)
        if sweep_id is not None:
            return commands.start_in_sweep(sweep, sweep_id, arguments)
        if sweep is None:
            message = "give a SWEEP file, --sweep-id ID, --resume DIR or --join DIR"
            raise click.UsageError(message, context)
        if plan:
            return commands.plan(sweep, arguments, draw, as_json)
        begin = commands.create if create_only else commands.start
        return begin(sweep, arguments)


@contextmanager
def _source_named(context: click.Context) -> Iterator[None]:
    """Name the variable in errors about an address that comes from the environment."""
    try:
        yield
    except PcsearchError as error:
        if context.get_parameter_source("address") is not ParameterSource.ENVIRONMENT:
            raise
        raise PcsearchError(
            replace(each, where=ADDRESS_VARIABLE) if each.where == "--address" else each
            for each in error.problems
        ) from error


def _check_together(context: click.Context) -> None:
    """Refuse options that cannot be used together."""
    arguments = context.params
    run.check_together(context)
    if arguments["plan"] and arguments["rerun_failed"]:
        raise click.UsageError("--plan and --rerun-failed do not go together", context)
    if arguments["rerun_failed"] and arguments["resume"] is None:
        raise click.UsageError("--rerun-failed needs --resume DIR", context)
    commands_given = [
        name
        for name, key in (
            *(() if arguments["resume"] is not None else (("--plan", "plan"),)),
            ("--create-only", "create_only"),
            ("--sweep-id", "sweep_id"),
            ("--resume", "resume"),
            ("--join", "join"),
        )
        if arguments[key]
    ]
    if len(commands_given) > 1:
        raise click.UsageError(f"{' and '.join(commands_given)} do not go together", context)
    if arguments["enqueue"] is not None:
        for name, key in (
            ("--create-only", "create_only"),
            ("--sweep-id", "sweep_id"),
            ("--join", "join"),
        ):
            if arguments[key]:
                hint = "one driver tries them; others know a trial by its number"
                message = f"--enqueue and {name} do not go together: {hint}"
                raise click.UsageError(message, context)
    mode = arguments["wandb"]
    if arguments["create_only"] and mode in ("offline", "disabled"):
        raise click.UsageError(f"--create-only needs W&B's server, not --wandb {mode}", context)
    if arguments["sweep_id"] and mode == "disabled":
        raise click.UsageError("--sweep-id needs W&B, not --wandb disabled", context)
    if arguments["create_only"] and arguments["warm_start"]:
        hint = "give it to the search that runs the sweep (--sweep-id ID)"
        raise click.UsageError(f"--create-only starts no search for --warm-start; {hint}", context)


def _changed(
    context: click.Context, command: str, where: str, arguments: Mapping[str, Any]
) -> set[str]:
    """The names of the options that the user gave, for a search whose options are set already.

    Raises:
        PcsearchError: the search cannot have another value of one.
    """
    explicit = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    chosen = {name for name in arguments if context.get_parameter_source(name) in explicit}
    problems = [
        Problem(f"{_flag(context, name)} cannot change {where}; leave it out", command)
        for name in sorted(chosen - set(CHANGEABLE))
    ]
    if problems:
        raise PcsearchError(problems)
    return chosen


def _flag(context: click.Context, name: str) -> str:
    """The option that sets a parameter of the command."""
    return next(each.opts[0] for each in context.command.params if each.name == name)


program = CommandGroup("pcsearch", command, OTHERS)
"""The whole command line."""
