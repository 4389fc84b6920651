"""What went wrong with W&B during a search: noted for the user, while the search continues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Problems:
    """Collects problems with W&B, one line each, without repeats."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._closed = False

    def add(self, problem: str) -> None:
        """Note a problem, unless it is noted already."""
        if problem not in self.lines and not self._closed:
            self.lines.append(problem)

    def close(self) -> None:
        """Note nothing more."""
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
