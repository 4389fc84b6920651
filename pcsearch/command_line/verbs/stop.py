"""``python -m pcsearch stop DIR``: stops a running search, or some of its trials."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pcsearch.command_line.verbs.asking import drivers_at, tell
from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "stop"
TRIAL = "--trial"


@verb(NAME, short_help="Stop a running search, or some of its trials.")
@DIRECTORY
@click.option(
    TRIAL,
    "trials",
    metavar="N",
    multiple=True,
    type=click.IntRange(min=1),
    help="Stop this trial after its epoch, and nothing else (repeatable).",
)
def command(directory: str, trials: tuple[int, ...]) -> int:
    """Stop the search that runs in DIR, as Ctrl-C does: it can be resumed.

    DIR is the directory, or the address, of the search. It need not run on this machine. The
    command waits until the search has ended.
    """
    return stop_search(directory, trials)


def stop_search(place: str, trials: Sequence[int]) -> int:
    """Ask the drivers of a search to end, or to stop some trials, and wait until they have.

    Args:
        place: the path or the address of the search's directory.
        trials: the numbers of the trials; none for the whole search.

    Raises:
        PcsearchError: nobody runs the search, it has no such trial, or it does not answer.
    """
    from pcsearch.engine.records.drivers.asking import (
        ask,
        await_ends,
        check_heeded,
        not_running,
        resume_hint,
        split_trials,
    )
    from pcsearch.engine.records.drivers.requests import Request, asker

    with drivers_at(place, NAME) as (directory, drivers):
        running = [driver for driver in drivers if driver.lives()]
        if not running:
            raise not_running(directory)
        wanted: list[int] = []
        if trials:
            wanted, ended = split_trials(directory, drivers, trials, TRIAL)
            for number in ended:
                click.echo(f"trial {number} has ended already")
            if not wanted:
                return DONE
        heeding = ask(directory, Request("stop", asker(), wanted), running)
        check_heeded(heeding)
        if trials:
            for driver in heeding:
                numbers = driver.journal.numbers & {*wanted}
                if numbers:
                    tell(driver, f"{_named(sorted(numbers))} will stop after its epoch")
            return DONE
        await_ends(directory, running)
        if not heeding:
            raise not_running(directory)
        for driver in heeding:
            tell(driver, "has ended its session")
        click.echo(f"The search can be resumed; {resume_hint(directory)}")
    return DONE


def _named(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"trial {numbers[0]}"
    return f"each of the trials {', '.join(map(str, numbers))}"
