"""``python -m pcsearch continue DIR``: continues a paused search."""

from __future__ import annotations

import click

from pcsearch.command_line.verbs.asking import ask_running, drivers_at
from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "continue"


@verb(NAME, short_help="Continue a paused search.")
@DIRECTORY
def command(directory: str) -> int:
    """Continue the paused search in DIR (pcsearch pause DIR): new trials start again.

    DIR is the directory, or the address, of the search.
    """
    return continue_search(directory)


def continue_search(place: str) -> int:
    """Continue a paused search, and tell what its drivers do.

    Args:
        place: the path or the address of its directory.

    Raises:
        PcsearchError: there is no such search, or it does not answer.
    """
    from pcsearch.engine.records.drivers.asking import resume_hint
    from pcsearch.engine.records.drivers.requests import Request, Requests, asker, pausing

    with drivers_at(place, NAME) as (directory, drivers):
        requests = Requests(directory)
        if pausing(requests, requests.names()) is None:
            click.echo(f"{directory.place}: the search is not paused")
            return DONE
        request, effect = Request("continue", asker()), "new trials start"
        if not ask_running(directory, drivers, request, effect, is_lasting=True):
            click.echo(
                f"Nobody runs the search, and it is no longer paused; {resume_hint(directory)}"
            )
    return DONE
