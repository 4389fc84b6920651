"""What the verbs that control a running search have in common: they ask, wait, and tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pcsearch.engine.records.directory import ExperimentDirectory
    from pcsearch.engine.records.drivers.asking import RunningDriver
    from pcsearch.engine.records.drivers.requests import Request


@contextmanager
def drivers_at(place: str, verb: str) -> Iterator[tuple[ExperimentDirectory, list[RunningDriver]]]:
    """The directory of a search, and all its drivers, during the block.

    Args:
        place: the path or the address of the directory.
        verb: that asks, for messages.

    Raises:
        PcsearchError: there is no such search, or it cannot be read.
    """
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.drivers.asking import drivers_of

    directory = directory_at(place.removeprefix("file://"), verb)
    with directory.tidied():
        directory.record()
        yield directory, drivers_of(directory)


def ask_running(
    directory: ExperimentDirectory,
    drivers: Sequence[RunningDriver],
    request: Request,
    effect: str,
    *,
    is_lasting: bool = False,
) -> bool:
    """Ask the drivers of a search that run, and print what each does then.

    Args:
        directory: of the search, or of one of its drivers.
        drivers: all of them.
        request: what is asked.
        effect: what a driver does then, in words, where it does not say it itself.
        is_lasting: whether a later session heeds the request too: then nobody need run now.

    Returns:
        Whether a driver has heeded it.

    Raises:
        PcsearchError: a driver does not answer, or cannot do it; or nobody runs the search, and
            somebody must.
    """
    from pcsearch.engine.records.drivers.asking import ask, check_heeded, not_running

    running = [driver for driver in drivers if driver.lives()]
    answers = ask(directory, request, running) if running or is_lasting else {}
    if not answers and not is_lasting:
        raise not_running(directory)
    for driver, answer in answers.items():
        if not answer.problem:
            tell(driver, answer.answer or effect)
    check_heeded(answers)
    return bool(answers)


def tell(driver: RunningDriver, text: str) -> None:
    """Print what a driver does."""
    click.echo(f"{driver.name}: {text}")
