"""``python -m pcsearch export DIR``: the results of a search for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from pcsearch.command_line.verbs.verb import verb
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.exits import DONE
from pcsearch.system.user_files import user_path, write_whole

if TYPE_CHECKING:
    from pcsearch.engine.results.findings import Findings

NAME = "export"
TARGETS = {
    "csv": ("--csv", "FILE", "A table of the trials, as CSV."),
    "parquet": ("--parquet", "FILE", "The same table, as Parquet."),
    "json": ("--json", "FILE", "What results --json prints."),
    "best_config": (
        "--best-config",
        "FILE",
        "A sweep file of constants: the best configuration.",
    ),
    "narrow": (
        "--narrow",
        "FILE",
        "The sweep file again, with the ranges of the best tenth.",
    ),
    "optuna": (
        "--optuna",
        "URL",
        "A study of Optuna in a database, such as sqlite:///study.db, for optuna-dashboard.",
    ),
    "tensorboard": (
        "--tensorboard",
        "FOLDER",
        "Runs of TensorBoard, with its tab of hyperparameters.",
    ),
}
"""By the name of each target: its option, what that takes, and its help."""


@verb(
    NAME,
    params=[
        click.Argument(["directory"], metavar="DIR"),
        *(
            click.Option([option, name], metavar=metavar, help=text)
            for name, (option, metavar, text) in TARGETS.items()
        ),
    ],
)
def command(directory: str, **targets: str | None) -> int:
    """Write the results of the search in DIR for other programs.

    DIR is the directory, or the address, of a search that has ended, is running or was
    interrupted. Nothing in it changes. A FILE of - is standard output.
    """
    chosen = {name: target for name, target in targets.items() if target is not None}
    if not chosen:
        options = ", ".join(option for option, _, _ in TARGETS.values())
        raise click.UsageError(f"say what to write: {options}")
    return export(directory, chosen)


def export(place: str, targets: Mapping[str, str]) -> int:
    """Write the results of a search.

    Args:
        place: the path or the address of its directory.
        targets: where to, by the names in `TARGETS`.

    Raises:
        PcsearchError: there is no such search, or something cannot be written.
    """
    from pcsearch.engine.results.findings import findings_at
    from pcsearch.reports.notes import console, warn

    with findings_at(place, NAME) as findings:
        warn(console(stderr=True), *findings.notes)
        # What cannot be made is told before anything is written.
        ready = [(name, target, _prepared(name, findings)) for name, target in targets.items()]
        for name, target, write in ready:
            try:
                write(target)
            except OSError as error:
                problem = f"{target!r} cannot be written ({error.strerror or error})"
                raise PcsearchError(Problem(problem, TARGETS[name][0])) from None
    return DONE


def _prepared(name: str, findings: Findings) -> Callable[[str], None]:
    """The function that writes a target."""
    from pcsearch.engine.results.importance import importances
    from pcsearch.engine.results.selection import selected
    from pcsearch.exports import sweep_files, table
    from pcsearch.reports.findings import document

    trials = selected(findings, (), None)
    match name:
        case "csv":
            data = table.as_csv(findings, trials)
        case "parquet":
            data = table.as_parquet(findings, trials)
        case "json":
            data = f"{document(findings, trials, None, importances(findings))}\n".encode()
        case "best_config":
            data = sweep_files.best_configuration(findings).encode()
        case "narrow":
            data = sweep_files.narrowed(findings).encode()
        case "optuna":
            return lambda target: _to_study(findings, target)
        case _:
            return lambda target: _to_tensorboard(findings, target)
    return lambda target: _to_file(target, data, TARGETS[name][0])


def _to_file(target: str, data: bytes, option: str) -> None:
    """Write to a file, or to the standard output."""
    if target == "-":
        click.echo(data, nl=False)
    else:
        write_whole(target, data, option)


def _to_study(findings: Findings, url: str) -> None:
    from pcsearch.exports.optuna_study import write_study
    from pcsearch.reports.notes import console, say

    output = console(stderr=True)
    name = findings.place.rstrip("/").rpartition("/")[2].partition("?")[0]
    write_study(findings, findings.trials, url, name, lambda line: say(output, line))


def _to_tensorboard(findings: Findings, folder: str) -> None:
    from pcsearch.exports.tensorboard import write_runs

    write_runs(findings, findings.trials, user_path(folder, "--tensorboard"))
