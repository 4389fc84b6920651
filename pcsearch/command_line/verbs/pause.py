"""``python -m pcsearch pause DIR``: lets a search start no new trial."""

from __future__ import annotations

import click

from pcsearch.command_line.verbs.asking import ask_running, drivers_at
from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "pause"


@verb(NAME, short_help="Let a running search start no new trial.")
@DIRECTORY
def command(directory: str) -> int:
    """Pause the search in DIR: no new trial starts; running trials are not affected.

    DIR is the directory, or the address, of the search. A search that is paused stays so, also when
    it is resumed, until: pcsearch continue DIR
    """
    return pause_search(directory)


def pause_search(place: str) -> int:
    """Pause a search, and tell what its drivers do.

    Args:
        place: the path or the address of its directory.

    Raises:
        PcsearchError: there is no such search, or it does not answer.
    """
    from pcsearch.engine.records.drivers.requests import Request, asker
    from pcsearch.engine.storage.files import control_command

    with drivers_at(place, NAME) as (directory, drivers):
        request = Request("pause", asker())
        effect = "no new trial starts; running trials are not affected"
        if not ask_running(directory, drivers, request, effect, is_lasting=True):
            click.echo("Nobody runs the search; when it is resumed, it is paused")
        click.echo(f"To continue it: {control_command('continue', directory.place)}")
    return DONE
