"""The runs that have ended for the search and not yet for W&B: each holds files open."""

from __future__ import annotations

import threading

RUNS = 100
"""How many there may be. A process may have 1,024 files open by default, on most systems."""
STALL_SECONDS = 10.0
"""How long a search waits for W&B to end one of them."""


class Backlog:
    """Counts them, and lets a search wait that ends trials faster than W&B ends runs.

    Args:
        runs: how many there may be.
        stall: after so many seconds in which none ends, those that are left no longer count, until
            there are less of them again.
    """

    def __init__(self, runs: int = RUNS, stall: float = STALL_SECONDS) -> None:
        self._runs, self._stall = runs, stall
        self._limit = runs
        self._count = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        """A run has ended for the search."""
        with self._changed:
            self._count += 1

    def remove(self) -> None:
        """It has ended for W&B too."""
        with self._changed:
            self._count -= 1
            if self._count < self._runs:
                self._limit = self._runs
            self._changed.notify_all()

    def await_room(self) -> None:
        """Wait until there are less than that."""
        with self._changed:
            while self._count >= self._limit:
                before = self._count
                if not self._changed.wait(self._stall) and self._count >= before:
                    self._limit = self._count + self._runs
