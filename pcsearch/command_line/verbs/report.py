"""``python -m pcsearch report DIR``: a search as one HTML page."""

from __future__ import annotations

import click

from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "report"


@verb(NAME)
@DIRECTORY
@click.option(
    "--output",
    metavar="FILE",
    help="Write the page there [default: report.html in DIR; NAME.html here for an address].",
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
    from pcsearch.page.writing import write_page

    directory = directory_at(place.removeprefix("file://"), NAME)
    click.echo(str(write_page(directory, output, anonymous=anonymous)))
    return DONE
