"""``python -m pcsearch report DIR``: a search as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE
from pcsearch.user_files import replaced
from pcsearch.verbs.verb import DIRECTORY, verb

if TYPE_CHECKING:
    from pcsearch.engine.records.directory import ExperimentDirectory

NAME = "report"
FILE = "report.html"


@verb(NAME)
@DIRECTORY
@click.option(
    "--output",
    metavar="FILE",
    help=f"Write the page there [default: {FILE} in DIR; NAME.html here for an address].",
)
@click.option(
    "--anonymous",
    is_flag=True,
    help="Leave out the names of machines and users, paths, addresses and the file's comments.",
)
def command(directory: str, output: str | None, anonymous: bool) -> int:
    """Draw the search in DIR as one HTML page, which opens without a network.

    DIR is the directory, or the address, of a search that has ended, is running or was
    interrupted. Nothing else in it changes.
    """
    return write_report(directory, output, anonymous=anonymous)


def write_report(place: str, output: str | None, *, anonymous: bool) -> int:
    """Write the page of a search, and print its path.

    Args:
        place: the path or the address of its directory.
        output: the file; None for the usual one.
        anonymous: whether names of machines and users, paths and addresses are left out.

    Raises:
        PcsearchError: there is no such search, or the file cannot be written.
    """
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.results.findings import read_findings
    from pcsearch.engine.results.origin import read_origin
    from pcsearch.page.page import page_of

    directory = directory_at(place.removeprefix("file://"), NAME)
    with directory.read():
        findings, origin = read_findings(directory), read_origin(directory)
        file = _usual_file(directory) if output is None else Path(output).expanduser()
        page = page_of(findings, origin, _upload(directory), anonymous=anonymous)
    try:
        with replaced(file) as draft:
            draft.write_text(page, encoding="utf-8")
    except OSError as error:
        problem = f"{file}: cannot be written ({error.strerror or error})"
        raise PcsearchError(Problem(problem, "--output")) from None
    click.echo(str(file))
    return DONE


def _usual_file(directory: ExperimentDirectory) -> Path:
    return directory.path / FILE if directory.copy is None else Path(f"{directory.name}.html")


def _upload(directory: ExperimentDirectory) -> str | None:
    """The command that uploads what W&B lacks, None where nothing lies here to upload."""
    from pcsearch.tracking.runs.offline_files import has_unmarked
    from pcsearch.tracking.server.mode import sync_command

    return sync_command(directory.path) if has_unmarked(directory.path) else None
