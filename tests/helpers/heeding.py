"""Stands in for the driver of a search where another process asks it for something."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests
from pcsearch.engine.records.journal.events import Heeded
from pcsearch.engine.records.journal.journal_file import Journal


@contextmanager
def heeding(
    directory: ExperimentDirectory, release_after: int = 0, answer: str = "", problem: str = ""
) -> Iterator[None]:
    """Own a directory in the block, and heed each request.

    Args:
        directory: the driver's.
        release_after: after so many requests its session ends; 0 for the end of the block.
        answer: what it says to each.
        problem: why it heeds none.
    """
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        heeded: set[str] = set()
        with directory.owned():
            begun.set()
            while not end.wait(0.02) and not (release_after and len(heeded) >= release_after):
                for name in {*Requests(directory).names()} - heeded:
                    Journal(directory.path).add(Heeded(name, answer, problem))
                    heeded.add(name)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(120)
    try:
        yield
    finally:
        end.set()
        thread.join()
