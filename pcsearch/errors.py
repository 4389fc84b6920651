"""The errors for users: each problem says where it is, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, on one line.

    Args:
        message: what is wrong and, where it is not obvious, what to do.
        where: the place in the user's input: ``sweep.yaml:12:5`` (file, line and column, both
            from 1) or the option's name, ``--num-samples``.
        key: the dotted path of the key in question, ``parameters.learning_rate``.
    """

    message: str
    where: str = ""
    key: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


def bounded(text: str, length: int) -> str:
    """A text as it is, or, where it is longer, its beginning and how much of it is left out."""
    if len(text) <= length:
        return text
    return f"{text[:length]}... ({len(text) - length} more characters)"


class PcsearchError(Exception):
    """A mistake of the user; it holds every problem that was found, not only the first.

    The commands catch it in one place, print one line a problem and exit with status 2.
    """

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems: tuple[Problem, ...] = tuple(problems)
        # The exceptions cross process boundaries: args must rebuild the exception.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
