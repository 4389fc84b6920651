"""``python -m pcsearch.train``: one training run in this process, to debug it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE, SOME_FAILED, exit_status
from pcsearch.pc.config import NUMERIC_FIELDS, PRESET_KEY, ModelConfig, model_config, unknown_field
from pcsearch.pc.metrics import EPOCH, PROBE_ACCURACY, TRAIN_ENERGY, TRAIN_MSE, VAL_MSE

METRICS_FILE = "metrics.jsonl"
SHOWN = (TRAIN_ENERGY, TRAIN_MSE, VAL_MSE, PROBE_ACCURACY)
_EPILOG = (
    "Every parameter of the model is an option, listed in docs/parameters.md. These forms are the "
    "same: --num_blocks 3, --num-blocks 3, --num-blocks=3. --config NAME picks a preset."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 1 when the run diverged, or 2 for a mistake."""
    return exit_status(command, argv)


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
    help="Folder for the metrics (metrics.jsonl), the saved model and the pictures.",
)
@click.argument("fields", nargs=-1, type=click.UNPROCESSED, metavar="[--FIELD VALUE]...")
def command(threads: int, compiled: str, output: Path, fields: tuple[str, ...]) -> int:
    """Train one PC transformer, in this process, and print the metrics of every epoch.

    The metrics are the same as those of a trial with this configuration, to the last bit, if the
    number of threads is the same. A trial has one thread for each of its CPUs, so one by default.
    """
    values = _parse_fields(fields)
    try:
        config = model_config(values)
    except PcsearchError as error:
        raise PcsearchError(
            Problem(problem.message, f"--{problem.key}") for problem in error.problems
        ) from None
    return _train(config.with_data_dir_from(Path.cwd()), threads, compiled == "auto", output)


def _parse_fields(arguments: Sequence[str]) -> dict[str, Any]:
    """``--name value`` and ``--name=value`` pairs, values read as YAML."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    remaining = list(arguments)
    while remaining:
        option, separator, text = remaining.pop(0).partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--"):
            problems.append(Problem(f"{option!r} is not an option; write --FIELD VALUE"))
            continue
        if name not in ModelConfig.model_fields and name != PRESET_KEY:
            problems.append(Problem(unknown_field(name), option))
            _drop_value(remaining, separator)
            continue
        if not separator and not remaining:
            problems.append(Problem("a value is missing", option))
            continue
        values[name] = _value(name, text if separator else remaining.pop(0))
    if problems:
        raise PcsearchError(problems)
    return values


def _drop_value(remaining: list[str], separator: str) -> None:
    if not separator and remaining and not remaining[0].startswith("--"):
        remaining.pop(0)


def _value(name: str, text: str) -> Any:
    annotation = ModelConfig.model_fields[name].annotation if name != PRESET_KEY else str
    if annotation is str:
        return text
    try:
        value = yaml.safe_load(text)
        # YAML 1.1 has no exponent without a point: 1e-3 is a string there.
        return float(value) if name in NUMERIC_FIELDS and isinstance(value, str) else value
    except (yaml.YAMLError, ValueError):
        return text


def _train(config: ModelConfig, threads: int, compiled: bool, output: Path) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    # torch takes seconds to import; a message about a misspelt field should not wait for it.
    from pcsearch.pc.checkpoint import save_model
    from pcsearch.pc.evaluation.pictures import save
    from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
    from pcsearch.pc.training import TrainingRun

    console = Console(stderr=True)
    run = TrainingRun(config, threads=threads, compiled=compiled, progress=console.is_terminal)
    metrics: Mapping[str, Any] = {}
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _metrics_file(output) as file, Progress(*columns, console=console) as progress:
        task = progress.add_task("epochs", total=config.epochs)
        while not run.finished:
            metrics, pictures = run.run_epoch()
            file.write(json.dumps(metrics) + "\n")
            file.flush()
            progress.console.print(_epoch_line(metrics), highlight=False, soft_wrap=True)
            if pictures is not None:
                save(output, run.epoch, pictures, config)
            progress.advance(task)
    if run.saved_model is not None:
        save_model(output, config, run.saved_model)
    for name, value in metrics.items():
        click.echo(f"{name}: {value}")
    click.echo(f"Everything lies in {output.absolute()}")
    return SOME_FAILED if metrics.get(EARLY_STOP_REASON) == DIVERGED else DONE


@contextmanager
def _metrics_file(output: Path) -> Iterator[TextIO]:
    try:
        output.mkdir(parents=True, exist_ok=True)
        with (output / METRICS_FILE).open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise PcsearchError(Problem(f"{output}: {error.strerror}", "--output")) from error


def _epoch_line(metrics: Mapping[str, Any]) -> str:
    """The main metrics of an epoch on one line; the file has all of them."""
    shown = {"epoch": metrics[EPOCH]} | {
        name.rpartition("/")[2]: f"{metrics[name]:.4g}" for name in SHOWN if name in metrics
    }
    return "  ".join(f"{name} {value}" for name, value in shown.items())


if __name__ == "__main__":
    sys.exit(main())
