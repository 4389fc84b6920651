"""What the verbs that control a running search have in common: they ask, wait, and tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pcsearch.engine.records.asking import RunningDriver
    from pcsearch.engine.records.directory import ExperimentDirectory


@contextmanager
def drivers_at(place: str, verb: str) -> Iterator[tuple[ExperimentDirectory, list[RunningDriver]]]:
    """The directory of a search, and all its drivers, during the block.

    Args:
        place: the path or the address of the directory.
        verb: that asks, for messages.

    Raises:
        PcsearchError: there is no such search, or it cannot be read.
    """
    from pcsearch.engine.records.asking import drivers_of
    from pcsearch.engine.records.directory import directory_at

    directory = directory_at(place.removeprefix("file://"), verb)
    with directory.tidied():
        directory.record()
        yield directory, drivers_of(directory)


def tell(driver: RunningDriver, text: str) -> None:
    """Print what a driver does."""
    click.echo(f"{driver.name}: {text}")
