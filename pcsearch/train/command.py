"""``python -m pcsearch.train``: reads its options, then trains, evaluates or exports one model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config_values import model_config
from pcsearch.system.exits import exit_status
from pcsearch.train.fields import parse_fields
from pcsearch.train.foreground import train
from pcsearch.train.from_model import EXPORT, evaluate, export_model, model_with_fields

if TYPE_CHECKING:
    from pcsearch.pc.model.transformer import Weights
    from pcsearch.tracking.server.mode import Requested

NAME = "train"
LONGEST_TAG = 64
OF_RUN = ("--project", "--entity", "--name", "--group", "--tags", "--wandb-artifacts")
"""The options that are about a W&B run."""
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


def _onnx_file(context: click.Context, parameter: click.Parameter, path: str | None) -> str | None:
    """The path of an ONNX file."""
    if path is not None and not path.endswith(".onnx"):
        message = f"give a file that ends in .onnx, got {path!r}"
        raise click.BadParameter(message, context, parameter)
    return path


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
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Start from the weights of a trained model, and its configuration: DIR/best of a search, "
    "or the folder of a trial, a checkpoint or a run.",
)
@click.option(
    "--eval",
    "evaluates",
    is_flag=True,
    help="Train nothing: print the metrics of the model on its data set, or on another (--from).",
)
@click.option(
    EXPORT,
    "target",
    callback=_onnx_file,
    metavar="FILE.onnx",
    help="Train nothing: write the model as an ONNX file (--from).",
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Print warnings and the metrics of the last epoch only.",
)
@click.argument("fields", nargs=-1, type=click.UNPROCESSED, metavar="[--FIELD VALUE]...")
@click.pass_context
def command(
    context: click.Context,
    /,
    threads: int,
    compiled: str,
    output: Path,
    source: Path | None,
    evaluates: bool,
    target: str | None,
    quiet: bool,
    fields: tuple[str, ...],
    wandb: Requested | None,
    **run: Any,
) -> int:
    """Train one PC transformer, in this process, and print the metrics of every epoch.

    The metrics are the same as those of a trial with this configuration, to the last bit, if the
    number of threads is the same. A trial has one thread for each of its CPUs, so one by default.
    """
    from pcsearch.tracking.single import RunOptions, in_agent

    trains = not evaluates and target is None
    if not trains:
        _refuse_without_training(context, source, evaluates, target is not None)
    wandb = wandb or ("auto" if in_agent() else "disabled")
    if wandb == "disabled" and trains:
        _refuse(context, OF_RUN, "is for a W&B run; add --wandb auto, online or offline")
    weights: Weights | None = None
    try:
        given = parse_fields(fields)
        if source is not None and evaluates:
            return evaluate(source, given, threads, compiled == "auto")
        if source is not None and target is not None:
            return export_model(source, given, target)
        if source is not None:
            model, config = model_with_fields(source, given)
            weights = model.weights
        else:
            config = model_config(given)
    except PcsearchError as error:
        raise PcsearchError(map(_of_option, error.problems)) from None
    options = RunOptions(wandb, **run)
    return train(config, threads, compiled == "auto", output, options, weights, quiet)


def _of_option(problem: Problem) -> Problem:
    """A problem of the configuration, with the option that it is about."""
    return Problem(problem.message, f"--{problem.key}") if problem.key else problem


def _refuse_without_training(
    context: click.Context, source: Path | None, evaluates: bool, exports: bool
) -> None:
    """Refuse to evaluate or export no model, and options that mean nothing then."""
    if evaluates and exports:
        raise click.UsageError(f"--eval and {EXPORT} are two commands; leave one out", context)
    option, does = ("--eval", "evaluates") if evaluates else (EXPORT, "writes")
    if source is None:
        raise click.UsageError(f"{option} {does} a trained model; add --from PATH", context)
    for_training = ("--output", "--wandb", "-q", *OF_RUN)
    _refuse(context, for_training, f"is for training; leave it or {option} out")
    if exports:
        _refuse(context, ("--threads", "--compile"), f"has no effect on {EXPORT}; leave it out")


def _refuse(context: click.Context, options: Collection[str], why: str) -> None:
    """Refuse options that are given and would have no effect."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.opts[0] in options and given == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} {why}", context)
