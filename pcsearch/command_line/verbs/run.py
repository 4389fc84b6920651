"""``python -m pcsearch run SCRIPT``: the sweep that a script makes, and runs with a function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pcsearch.command_line import commands
from pcsearch.command_line.command_group import SectionedCommand
from pcsearch.command_line.options import SECTIONS
from pcsearch.errors import PcsearchError

NAME = "run"
NOT_HERE = {
    *("trainable", "metrics_from", "create_only", "sweep_id", "resume", "join", "rerun_failed"),
}
"""The options of the search that a script has decided, or that are for searches that have begun."""
OF_SCRIPTS: dict[str, Any] = {"trainable": "program", "metrics_from": "wandb"}


class _Command(SectionedCommand):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say where the script's own options go."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = "options of the script come last, after --"
            raise click.UsageError(f"{error.format_message()}; {hint}", ctx) from error


@click.command(
    f"pcsearch {NAME}",
    cls=_Command,
    short_help="Run the sweep of a script (wandb.sweep and wandb.agent).",
    sections={
        heading: [option for option in options if option.name not in NOT_HERE]
        for heading, options in SECTIONS.items()
    },
    more=[
        click.Argument(["script"], type=click.Path(path_type=Path)),
        click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]"),
    ],
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def command(
    context: click.Context,
    /,
    script: Path,
    words: tuple[str, ...],
    plan: bool,
    draw: int | None,
    as_json: bool,
    **arguments: Any,
) -> int:
    """Run the sweep of a Python SCRIPT that calls wandb.sweep and then wandb.agent.

    Both calls are served from here. The script is started once to learn its sweep, and then for
    each trial, in which its function is called once. What comes after wandb.agent does not run.
    ARGS are the script's own. A search that was interrupted is resumed as any other one.
    """
    check_together(context)
    return run_script(script, words, arguments, (draw, as_json) if plan else None)


def check_together(context: click.Context) -> None:
    """Refuse options of the plan and of what is printed that cannot be used together."""
    given = context.params
    if not given["plan"]:
        for name, key in (("--draw", "draw"), ("--json", "as_json")):
            if given[key]:
                raise click.UsageError(f"{name} needs --plan; add it", context)
    if given["quiet"] and given["verbose"]:
        raise click.UsageError("--quiet and --verbose do not go together", context)


def run_script(
    script: Path,
    words: tuple[str, ...],
    arguments: dict[str, Any],
    plan: tuple[int | None, bool] | None,
) -> int:
    """Run the search of a script, or show its plan.

    Args:
        script: its path.
        words: its arguments.
        arguments: the values of the search's options, by name.
        plan: how many configurations the plan shows (None for the usual number), and whether as
            JSON; None runs the search.

    Raises:
        PcsearchError: the script makes no sweep that can be run, or an option is wrong.
    """
    from pcsearch.engine.cluster.environment import set_environment
    from pcsearch.tracking.scripts.planning import sweep_of

    set_environment()
    found = sweep_of(script, words)
    count = arguments["num_samples"] or found.count
    arguments = {**arguments, **OF_SCRIPTS, "num_samples": count}
    try:
        if plan is not None:
            return commands.plan("", arguments, *plan, text=found.text)
        return commands.start("", arguments, text=found.text)
    except PcsearchError as error:
        # The sweep is in no file.
        raise PcsearchError(
            replace(each, where=str(script)) if each.key and not each.where else each
            for each in error.problems
        ) from error
