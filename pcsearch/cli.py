"""The command: ``python -m pcsearch SWEEP`` runs a sweep file's search."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from pcsearch import __version__
from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE, INTERRUPTED, SOME_FAILED, exit_status

if TYPE_CHECKING:
    from rich.console import Console

    from pcsearch.engine.experiment import Experiment
    from pcsearch.engine.run import Outcome

DEFAULT_PROJECT = "pcsearch"
FILE_WIDTH = 160
CHANGEABLE = ("num_samples", "address", "max_concurrent", "wandb")
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
    """``KEY=VALUE`` pairs, the values read as YAML."""
    overrides: dict[str, Any] = {}
    for text in values:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", context, parameter)
        try:
            overrides[key.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise click.BadParameter(
                f"{text!r}: the value is not YAML", context, parameter
            ) from None
    return overrides


_POSITIVE = click.IntRange(min=1)
_OPTIONS = [
    click.Argument(["sweep"], required=False, type=click.Path(path_type=Path)),
    click.Option(["--num-samples"], type=_POSITIVE, metavar="N", help="Run N trials at most."),
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
        ["--seed"],
        type=click.IntRange(min=0, max=2**32 - 1),
        metavar="N",
        help="Seed of the search [default: drawn, and shown].",
    ),
    click.Option(
        ["--set", "overrides"],
        multiple=True,
        callback=_parse_overrides,
        metavar="KEY=VALUE",
        help="Fix a parameter over the file; may be repeated.",
    ),
    click.Option(
        ["--resume"],
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Go on with the interrupted search of an experiment's directory.",
    ),
]


@click.command(
    "pcsearch", params=_OPTIONS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="pcsearch")
@click.pass_context
def command(
    context: click.Context, /, sweep: Path | None, resume: Path | None, **given: Any
) -> int:
    """Run the search that a W&B sweep file describes, on Ray Tune.

    SWEEP is a sweep.yaml with method grid, random or bayes.
    """
    if resume is not None:
        return _resume(context, sweep, resume, given)
    if sweep is None:
        raise click.UsageError("give a SWEEP file, or --resume DIR", context)
    return _start(sweep, given)


def _start(sweep_file: Path, given: Mapping[str, Any]) -> int:
    # --help should not pay for these, and a mistake in the sweep not for Ray.
    from pcsearch.engine.experiment import prepare
    from pcsearch.engine.options import Options

    seed = given["seed"] if given["seed"] is not None else secrets.randbelow(2**31)
    options = Options(
        num_samples=given["num_samples"],
        name=given["name"],
        storage_path=given["storage_path"],
        address=given["address"],
        max_concurrent=given["max_concurrent"],
        cpus_per_trial=given["cpus_per_trial"],
        gpus_per_trial=given["gpus_per_trial"],
        seed=seed,
        overrides=given["overrides"],
    )
    experiment = prepare(sweep_file, options)
    tracking = {
        "project": given["project"] or experiment.sweep.project or DEFAULT_PROJECT,
        "entity": given["entity"] or experiment.sweep.entity,
        "wandb": given["wandb"],
    }
    return _run(experiment, tracking)


def _resume(
    context: click.Context, sweep: Path | None, directory: Path, given: Mapping[str, Any]
) -> int:
    from pcsearch.engine.experiment import reopen

    chosen = {
        name
        for name in given
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    fixed = sorted(chosen - set(CHANGEABLE))
    if sweep is not None or fixed:
        what = "SWEEP" if sweep is not None else f"--{fixed[0]}".replace("_", "-")
        raise PcsearchError(
            Problem(f"{what} is the experiment's own and cannot change; leave it out", "--resume")
        )
    changes = {name: given[name] for name in chosen if name != "wandb"}
    experiment, tracking = reopen(directory, changes)
    if "wandb" in chosen:
        tracking = {**tracking, "wandb": given["wandb"]}
    return _run(experiment, tracking)


def _run(experiment: Experiment, tracking: dict[str, Any]) -> int:
    from pcsearch.engine.data import prepare_data
    from pcsearch.engine.run import run
    from pcsearch.reports.live import LiveReport
    from pcsearch.tracking.wandb_callback import WandbCallback
    from pcsearch.tracking.wandb_mode import resolve

    console, notes = _console(), _console(stderr=True)
    mode = resolve(tracking["wandb"])
    prepare_data(experiment.sweep, experiment.folder)
    for line in (_describe(experiment), mode.reason, *experiment.sweep.notes):
        notes.print(line, highlight=False, soft_wrap=True, markup=False)
    live = LiveReport(experiment, notes)
    wandb = WandbCallback(
        project=tracking["project"],
        entity=tracking["entity"],
        group=experiment.directory.name,
        directory=experiment.directory.path,
        mode=mode.mode,
        notes=experiment.sweep.description,
    )
    with live.shown():
        outcome = run(experiment, [live, wandb], tracking)
    for problem in wandb.problems:
        notes.print(problem, style="yellow", highlight=False, soft_wrap=True, markup=False)
    _report(console, experiment, outcome, synced=mode.mode != "offline" and not wandb.problems)
    if outcome.interrupted:
        return INTERRUPTED
    return SOME_FAILED if outcome.failed else DONE


def _describe(experiment: Experiment) -> str:
    """The search in a line: how many trials, how they are chosen and stopped, and the seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        rungs = sweep.early_terminate.rungs(experiment.max_epochs)
        parts.append(f"ASHA at epochs {', '.join(map(str, rungs)) or 'none'}")
    parts.append(f"{experiment.metric.name} ({experiment.metric.goal})")
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    # A file or a pipe has no width of its own, and 80 columns would fold the tables.
    return console if console.is_terminal else Console(stderr=stderr, width=FILE_WIDTH)


def _report(console: Console, experiment: Experiment, outcome: Outcome, synced: bool) -> None:
    from pcsearch.reports.results import best_configuration, failures, table
    from pcsearch.tracking.wandb_mode import sync_command

    sweep, metric, path = experiment.sweep, experiment.metric, experiment.directory.path
    console.print(table(outcome.trials, sweep, metric))
    console.print(best_configuration(outcome.trials, sweep, metric))

    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    for failure in failures(outcome.trials):
        line(failure)
    line(f"Everything lies in {path}")
    if outcome.interrupted or len(outcome.trials) < experiment.cap:
        line(f"Go on with it: python -m pcsearch --resume {shlex.quote(str(path))}")
    if not synced and (path / "wandb").is_dir():
        line(f"Upload it to W&B: {sync_command(path)}")
