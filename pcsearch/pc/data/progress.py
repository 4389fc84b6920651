"""Progress bars on stderr, for what takes minutes before training starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], object]
"""Counts what is done besides."""


@contextmanager
def bar(name: str, total: int | None, shown: bool, *, of_bytes: bool = False) -> Iterator[Advance]:
    """A function that counts what is done, in a progress bar where one is shown.

    Args:
        name: of what is done.
        total: how much there is to do, None where that is not known.
        shown: whether there is a bar.
        of_bytes: whether it counts bytes, which have a speed.
    """
    if not shown:
        yield lambda _: None
        return
    # The workers of a cluster show no bar, and need not have rich installed.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counted = (DownloadColumn(), TransferSpeedColumn()) if of_bytes else (MofNCompleteColumn(),)
    columns = (BarColumn(), *counted, TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=Console(stderr=True)) as shown_bar:
        task = shown_bar.add_task(name, total=total)
        yield lambda count: shown_bar.advance(task, count)
