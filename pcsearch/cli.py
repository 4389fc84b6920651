"""The command: ``python -m pcsearch SWEEP`` runs a sweep file's search."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pcsearch import __version__, commands
from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import exit_status
from pcsearch.sweeps.positions import load

CHANGEABLE = (
    "num_samples",
    "address",
    "max_concurrent",
    "cpus_per_trial",
    "gpus_per_trial",
    "checkpoint_every",
    "compile",
    "max_failures",
    "trial_timeout",
    "deadline",
    "wandb",
    "wandb_artifacts",
)
"""The options that may differ when a search is gone on with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its arguments; the process's own when left out.

    Returns:
        The exit status: 0 done, 1 some trials failed, 2 the sweep or an option is wrong,
        130 interrupted.
    """
    return exit_status(command, argv)


def _parse_overrides(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Any]:
    """``KEY=VALUE`` pairs, the values read as those of a sweep file are."""
    overrides: dict[str, Any] = {}
    for text in values:
        key, _, value = text.partition("=")
        if not key.strip() or not value.strip():
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", context, parameter)
        try:
            overrides[key.strip()] = load(f"value: {value}", "--set").value["value"]
        except PcsearchError as error:
            reason = error.problems[0].message
            message = f"{text!r}: the value is not YAML: {reason}"
            raise click.BadParameter(message, context, parameter) from None
    return overrides


def _from_now(_: click.Context, __: click.Parameter, seconds: float | None) -> float | None:
    """The end of so many seconds: they count from the command's start, whatever comes first."""
    return None if seconds is None else time.monotonic() + seconds


class _Place(click.ParamType[str]):
    """A folder's path, ``file://`` taken off, or an address."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path or the address."""
        place = str(value).removeprefix("file://")
        if "://" not in place and Path(place).is_file():
            self.fail(f"{place!r} is a file")
        return place


class _Whole(click.IntRange):
    name = "whole number"


class _Duration(click.ParamType[float]):
    """Seconds, or what people write: ``90s``, ``30m``, ``8h``, ``1h30m``, ``2d``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
        if "".join(map("".join, parts)) == value and parts:
            seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
        elif re.fullmatch(r"\d+(\.\d+)?", value):
            seconds = float(value)
        else:
            self.fail(f"{value!r} is no time; write seconds, or such as 90s, 30m, 8h, 1h30m")
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is not a time above 0")
        return seconds


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_POSITIVE = _Whole(min=1)
_DURATION = _Duration()
_SEARCH = [
    click.Argument(["sweep"], required=False, type=click.Path(path_type=Path)),
    click.Option(["--num-samples"], type=_POSITIVE, metavar="N", help="Run N trials at most."),
    click.Option(
        ["--set", "overrides"],
        multiple=True,
        callback=_parse_overrides,
        metavar="KEY=VALUE",
        help="Fix a parameter over the file; may be repeated.",
    ),
    click.Option(
        ["--sampler"],
        type=click.Choice(["auto", "tpe", "gp", "cmaes", "qmc", "random"]),
        default="auto",
        show_default=True,
        help="Which of Optuna's samplers suggests the trials of bayes.",
    ),
    click.Option(
        ["--seed"],
        type=_Whole(min=0, max=2**32 - 1),
        metavar="N",
        help="Seed of the search [default: drawn, and shown].",
    ),
    click.Option(
        ["--trainable"],
        metavar="MODULE:FUNCTION",
        help="Search a function of your own instead of the PC transformer.",
    ),
]
_PLAN = [
    click.Option(["--plan"], is_flag=True, help="Print what would run, and run nothing."),
    click.Option(
        ["--draw"], type=_POSITIVE, metavar="N", help="Add the first N configurations to the plan."
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print the plan as JSON."),
]
_RUN = [
    click.Option(
        ["--project"], metavar="P", help="W&B project [default: the file's, or pcsearch]."
    ),
    click.Option(["--entity"], metavar="E", help="W&B user or team [default: the file's]."),
    click.Option(["--name"], metavar="NAME", help="Name of the experiment, its folder and group."),
    click.Option(
        ["--wandb"],
        type=click.Choice(["auto", "online", "offline", "disabled"]),
        default="auto",
        show_default=True,
        help="Where the runs go; auto is online when an API key is configured.",
    ),
    click.Option(
        ["--wandb-artifacts"],
        type=click.Choice(["none", "best"]),
        default="none",
        show_default=True,
        help="Keep the best model and each trial's best checkpoint in W&B.",
    ),
    click.Option(
        ["--storage-path"],
        type=_Place(),
        default="pcsearch_results",
        show_default=True,
        metavar="DIR",
        help="Folder that a cluster's nodes share, or address (s3://...), for the experiment.",
    ),
    click.Option(
        ["--address"],
        metavar="ADDR",
        envvar="RAY_ADDRESS",
        help="Ray cluster: auto on a node of it, HOST:PORT, or ray://HOST:PORT from any machine "
        "[default: RAY_ADDRESS, or this machine alone].",
    ),
    click.Option(
        ["--max-concurrent"], type=_POSITIVE, metavar="N", help="Run N trials at once at most."
    ),
    click.Option(
        ["--cpus-per-trial"],
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        show_default=True,
        metavar="X",
        help="CPUs a trial occupies; torch uses as many threads.",
    ),
    click.Option(
        ["--gpus-per-trial"],
        type=click.FloatRange(min=0),
        metavar="X",
        help="GPUs a trial occupies, also a part of one [default: 1 where there are any].",
    ),
    click.Option(
        ["--checkpoint-every"],
        type=_POSITIVE,
        default=1,
        show_default=True,
        metavar="N",
        help="Keep a trial's state after every N epochs.",
    ),
    click.Option(
        ["--compile"],
        type=click.Choice(["auto", "off"]),
        default="auto",
        show_default=True,
        help="Compile the training step where there is a C compiler and it pays.",
    ),
    click.Option(
        ["--max-failures"],
        type=_Whole(min=0),
        default=2,
        show_default=True,
        metavar="N",
        help="Try a trial that fails again N times, from its checkpoint.",
    ),
    click.Option(
        ["--trial-timeout"],
        type=_DURATION,
        metavar="T",
        help="A trial that reports nothing for T (30m, 1h30m) has failed.",
    ),
    click.Option(
        ["--time-budget", "deadline"],
        type=_DURATION,
        callback=_from_now,
        metavar="T",
        help="End the session after T (8h), as Ctrl-C does; --resume goes on.",
    ),
    click.Option(
        ["--warm-start"],
        type=_Place(),
        multiple=True,
        metavar="DIR",
        help="Start bayes from the results of an older experiment; may be repeated.",
    ),
    click.Option(
        ["--resume"],
        type=_Place(),
        metavar="DIR",
        help="Go on with the search of an experiment's directory, or extend it (--num-samples).",
    ),
    click.Option(["--rerun-failed"], is_flag=True, help="With --resume: try failed trials again."),
    click.Option(
        ["--create-only"], is_flag=True, help="Register SWEEP with W&B, print its id, run nothing."
    ),
    click.Option(
        ["--sweep-id"],
        metavar="ID",
        help="Run a sweep that W&B has, ID or ENTITY/PROJECT/ID; SWEEP may be left out.",
    ),
]


@click.command(
    "pcsearch",
    params=[*_SEARCH, *_PLAN, *_RUN],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="pcsearch")
@click.pass_context
def command(
    context: click.Context,
    /,
    sweep: Path | None,
    resume: str | None,
    plan: bool,
    draw: int | None,
    as_json: bool,
    create_only: bool,
    sweep_id: str | None,
    rerun_failed: bool,
    **given: Any,
) -> int:
    """Run the search that a W&B sweep file describes, on Ray Tune.

    SWEEP is a sweep.yaml with method grid, random, bayes or custom.
    """
    # --help should not pay for it.
    from pcsearch.engine.cluster.environment import set_environment

    _check_together(context)
    set_environment()
    if resume is not None:
        return _resume(context, sweep, resume, given, rerun_failed)
    if sweep_id is not None:
        return commands.start_in_sweep(sweep, sweep_id, given)
    if sweep is None:
        raise click.UsageError("give a SWEEP file, --sweep-id ID or --resume DIR", context)
    if plan:
        return commands.plan(sweep, given, draw or 0, as_json)
    return commands.create(sweep, given) if create_only else commands.start(sweep, given)


def _check_together(context: click.Context) -> None:
    """Refuse options that are of different commands."""
    given = context.params
    if not given["plan"]:
        for name, key in (("--draw", "draw"), ("--json", "as_json")):
            if given[key]:
                raise click.UsageError(f"{name} is a part of the plan; add --plan", context)
    elif given["resume"] is not None:
        raise click.UsageError("--plan is of a SWEEP file, not of --resume", context)
    if given["rerun_failed"] and given["resume"] is None:
        raise click.UsageError("--rerun-failed is a part of --resume DIR", context)
    commands_given = [
        name
        for name, key in (
            ("--plan", "plan"),
            ("--create-only", "create_only"),
            ("--sweep-id", "sweep_id"),
            ("--resume", "resume"),
        )
        if given[key]
    ]
    if len(commands_given) > 1:
        raise click.UsageError(f"{' and '.join(commands_given)} do not go together", context)
    mode = given["wandb"]
    if given["create_only"] and mode in ("offline", "disabled"):
        raise click.UsageError(f"--create-only needs W&B's server, not --wandb {mode}", context)
    if given["sweep_id"] and mode == "disabled":
        raise click.UsageError("--sweep-id needs W&B, not --wandb disabled", context)


def _resume(
    context: click.Context,
    sweep: Path | None,
    directory: str,
    given: Mapping[str, Any],
    rerun_failed: bool,
) -> int:
    sources = click.core.ParameterSource
    said = (sources.COMMANDLINE, sources.ENVIRONMENT)
    chosen = {name for name in given if context.get_parameter_source(name) in said}
    fixed = sorted(chosen - set(CHANGEABLE))
    if fixed:
        problems = [
            Problem(f"{_flag(context, name)} is the experiment's own; leave it out", "--resume")
            for name in fixed
        ]
        raise PcsearchError(problems)
    return commands.resume(directory, sweep, given, chosen, rerun_failed)


def _flag(context: click.Context, name: str) -> str:
    """The option that sets a parameter of the command."""
    return next(each.opts[0] for each in context.command.params if each.name == name)
