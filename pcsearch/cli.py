"""The command: ``python -m pcsearch SWEEP`` runs a sweep file's search."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pcsearch import __version__
from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE, exit_status
from pcsearch.sweeps.positions import load

DEFAULT_PROJECT = "pcsearch"
CHANGEABLE = ("num_samples", "address", "max_concurrent", "wandb", "wandb_artifacts")
"""The options that may differ when a search is gone on with."""
TRACKING = {"wandb": "wandb", "wandb_artifacts": "artifacts"}
"""The options that say how W&B's runs are kept, and what the experiment's record calls them."""


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


class _Whole(click.IntRange):
    name = "whole number"


_POSITIVE = _Whole(min=1)
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
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("pcsearch_results"),
        show_default=True,
        metavar="DIR",
        help="Folder for the experiment's directory; a cluster's nodes must share it.",
    ),
    click.Option(
        ["--address"],
        metavar="ADDR",
        envvar="RAY_ADDRESS",
        help="Ray cluster, HOST:PORT or auto [default: RAY_ADDRESS, or this machine alone].",
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
        ["--resume"],
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Go on with the interrupted search of an experiment's directory.",
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
    resume: Path | None,
    plan: bool,
    draw: int | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Run the search that a W&B sweep file describes, on Ray Tune.

    SWEEP is a sweep.yaml with method grid, random, bayes or custom.
    """
    if not plan:
        for name, value in (("--draw", draw), ("--json", as_json)):
            if value:
                raise click.UsageError(f"{name} is a part of the plan; add --plan", context)
    if resume is not None:
        if plan:
            raise click.UsageError("--plan is of a SWEEP file, not of --resume", context)
        return _resume(context, sweep, resume, given)
    if sweep is None:
        raise click.UsageError("give a SWEEP file, or --resume DIR", context)
    return _plan(sweep, given, draw or 0, as_json) if plan else _start(sweep, given)


def _options(given: Mapping[str, Any]) -> Any:
    from pcsearch.engine.options import Options

    others = ("project", "entity", *TRACKING)
    seed = given["seed"] if given["seed"] is not None else secrets.randbelow(2**31)
    chosen = {name: value for name, value in given.items() if name not in others}
    return Options(**{**chosen, "seed": seed})


def _plan(sweep: Path, given: Mapping[str, Any], draws: int, as_json: bool) -> int:
    # --help should not pay for these.
    from pcsearch.engine.plan import make_plan
    from pcsearch.reports.plan import as_document, as_text

    plan = make_plan(sweep, _options(given), draws)
    click.echo(as_document(plan) if as_json else as_text(plan))
    return DONE


def _start(sweep: Path, given: Mapping[str, Any]) -> int:
    # --help should not pay for these.
    from pcsearch.engine.experiment import prepare
    from pcsearch.session import run_session

    experiment = prepare(sweep, _options(given))
    tracking = {
        "project": given["project"] or experiment.sweep.project or DEFAULT_PROJECT,
        "entity": given["entity"] or experiment.sweep.entity,
        **{key: given[name] for name, key in TRACKING.items()},
    }
    return run_session(experiment, tracking)


def _resume(
    context: click.Context, sweep: Path | None, directory: Path, given: Mapping[str, Any]
) -> int:
    from pcsearch.engine.experiment import reopen
    from pcsearch.session import run_session

    chosen = {
        name
        for name in given
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    fixed = sorted(chosen - set(CHANGEABLE))
    if sweep is not None or fixed:
        what = "SWEEP" if sweep is not None else _flag(context, fixed[0])
        raise PcsearchError(
            Problem(f"{what} is the experiment's own and cannot change; leave it out", "--resume")
        )
    changes = {name: given[name] for name in chosen if name not in TRACKING}
    experiment, tracking = reopen(directory, changes)
    changed = {key: given[name] for name, key in TRACKING.items() if name in chosen}
    return run_session(experiment, tracking | changed)


def _flag(context: click.Context, name: str) -> str:
    """The option that sets a parameter of the command."""
    return next(each.opts[0] for each in context.command.params if each.name == name)
