"""``python -m pcsearch report DIR``: a search as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE
from pcsearch.page import FILE
from pcsearch.user_files import replaced
from pcsearch.verbs.verb import DIRECTORY, verb

if TYPE_CHECKING:
    from pcsearch.engine.records.directory import ExperimentDirectory

NAME = "report"


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
    from pcsearch.page.drawing import page_at

    directory = directory_at(place.removeprefix("file://"), NAME)
    with directory.read():
        file = _usual_file(directory) if output is None else Path(output).expanduser()
        page = page_at(directory, anonymous=anonymous)
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
