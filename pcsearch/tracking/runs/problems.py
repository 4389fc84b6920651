"""What went wrong with W&B during a search: told to the user, while the search continues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def _nobody(problem: str) -> None:
    """Tells nobody of a problem."""


class Problems:
    """Collects problems with W&B, one line each, without repeats.

    Args:
        tell: tells the user a problem, at once. Called in any thread.
    """

    def __init__(self, tell: Callable[[str], None] = _nobody) -> None:
        self.lines: list[str] = []
        self._tell = tell
        self._closed = False
        self._lock = threading.Lock()

    def add(self, problem: str) -> None:
        """Tell a problem, unless it is told already."""
        with self._lock:
            if self._closed or problem in self.lines:
                return
            self.lines.append(problem)
        self._tell(problem)

    def close(self) -> None:
        """Tell nothing more."""
        self._closed = True

    @contextmanager
    def noting(self, loss: str) -> Iterator[None]:
        """Turn an error in the block into a problem.

        Args:
            loss: what W&B lacks because of the error.
        """
        try:
            yield
        except Exception as error:
            self.add(describe(loss, error))


def describe(loss: str, error: Exception) -> str:
    """The line of a problem that an error has caused."""
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"W&B: {loss}: {first_line}"
