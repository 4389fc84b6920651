"""``python -m pcsearch.train``: one training run in this process, to debug it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import exit_status
from pcsearch.fields import parse_fields
from pcsearch.foreground import train
from pcsearch.pc.config import model_config

if TYPE_CHECKING:
    from pcsearch.tracking.server.mode import Requested

NAME = "train"
LONGEST_TAG = 64
_EPILOG = (
    "Every parameter of the model is an option, listed in docs/parameters.md. These forms are the "
    "same: --num_blocks 3, --num-blocks 3, --num-blocks=3. --config NAME picks a preset."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 1 when the run diverged, or 2 for a mistake."""
    return exit_status(command, argv)


def _split(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, ...]:
    """Tags that are separated by commas."""
    tags = tuple(tag.strip() for tag in text.split(",") if tag.strip())
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            message = f"{tag!r} has more than {LONGEST_TAG} characters, which W&B refuses"
            raise click.BadParameter(message, context, parameter)
    return tags


@click.command(
    "pcsearch.train",
    epilog=_EPILOG,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="CPU threads of torch.",
)
@click.option(
    "--compile",
    "compiled",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="Compile the training step if there is a C compiler and the run is long enough.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("pcsearch_train"),
    show_default=True,
    metavar="DIR",
    help="Each run has a folder of its own here: metrics.jsonl, the saved model, the pictures.",
)
@click.option(
    "--wandb",
    type=click.Choice(["auto", "online", "offline", "disabled"]),
    help="Where the W&B run goes [default: disabled; auto if an agent of W&B starts the run].",
)
@click.option(
    "--project", metavar="P", help="W&B project [default: that of W&B's settings, or pcsearch]."
)
@click.option("--entity", metavar="E", help="W&B user or team [default: that of W&B's settings].")
@click.option("--name", metavar="NAME", help="Name of the W&B run [default: that of its folder].")
@click.option("--group", metavar="GROUP", help="Group of the W&B run.")
@click.option("--tags", callback=_split, default="", metavar="TAG,TAG", help="Tags of the W&B run.")
@click.option(
    "--wandb-artifacts",
    "artifacts",
    type=click.Choice(["none", "best"]),
    default="none",
    help="Upload the best model to W&B, or the last state where no model is saved [default: none].",
)
@click.argument("fields", nargs=-1, type=click.UNPROCESSED, metavar="[--FIELD VALUE]...")
@click.pass_context
def command(
    context: click.Context,
    /,
    threads: int,
    compiled: str,
    output: Path,
    fields: tuple[str, ...],
    wandb: Requested | None,
    **run: Any,
) -> int:
    """Train one PC transformer, in this process, and print the metrics of every epoch.

    The metrics are the same as those of a trial with this configuration, to the last bit, if the
    number of threads is the same. A trial has one thread for each of its CPUs, so one by default.
    """
    from pcsearch.tracking.single import RunOptions, in_agent

    wandb = wandb or ("auto" if in_agent() else "disabled")
    if wandb == "disabled":
        _refuse_for_wandb(context)
    try:
        config = model_config(parse_fields(fields))
    except PcsearchError as error:
        raise PcsearchError(map(_of_option, error.problems)) from None
    options = RunOptions(wandb, **run)
    return train(config, threads, compiled == "auto", output, options)


def _of_option(problem: Problem) -> Problem:
    """A problem of the configuration, with the option that it is about."""
    return Problem(problem.message, f"--{problem.key}") if problem.key else problem


def _refuse_for_wandb(context: click.Context) -> None:
    """Refuse options for a W&B run where there is none."""
    of_run = ("--project", "--entity", "--name", "--group", "--tags", "--wandb-artifacts")
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.opts[0] in of_run and source == click.core.ParameterSource.COMMANDLINE:
            message = f"{parameter.opts[0]} is for a W&B run; add --wandb auto, online or offline"
            raise click.UsageError(message, context)


if __name__ == "__main__":
    sys.exit(main())
