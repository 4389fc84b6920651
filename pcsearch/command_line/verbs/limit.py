"""``python -m pcsearch limit DIR``: sets how many trials of a running search run at once."""

from __future__ import annotations

import click

from pcsearch.command_line.verbs.asking import ask_running, drivers_at
from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "limit"


@verb(NAME, short_help="Set how many trials of a running search run at once.")
@DIRECTORY
@click.option(
    "--max-concurrent",
    metavar="N",
    required=True,
    type=click.IntRange(min=1),
    help="How many trials a driver runs at once at most.",
)
def command(directory: str, max_concurrent: int) -> int:
    """Set how many trials of the search that runs in DIR run at once.

    DIR is the directory, or the address, of the search. Running trials are not affected: where
    more than N run, no new one starts until there are fewer. A resumed search keeps the new limit.
    """
    return limit_search(directory, max_concurrent)


def limit_search(place: str, max_concurrent: int) -> int:
    """Set how many trials each driver of a search runs at once.

    Args:
        place: the path or the address of its directory.
        max_concurrent: the largest number of trials.

    Raises:
        PcsearchError: nobody runs the search, or it does not answer.
    """
    from pcsearch.engine.records.drivers.requests import Request, asker

    request = Request("limit", asker(), max_concurrent=max_concurrent)
    with drivers_at(place, NAME) as (directory, drivers):
        effect = f"--max-concurrent is now {max_concurrent}"
        ask_running(directory, drivers, request, effect)
    return DONE
