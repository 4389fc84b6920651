"""The enqueued configurations, or parts of them, that no trial of a search has yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pcsearch.engine.records.journal.changes import LeftOut

Found = TypeVar("Found")


class EnqueuedParts:
    """The parts that wait, in the order of their numbers, and which trial has got which.

    Args:
        waiting: those that wait, by their numbers in the journal.
    """

    def __init__(self, waiting: Mapping[int, dict[str, Any]]) -> None:
        self._waiting = dict(waiting)
        self._taken: dict[str, int] = {}
        self._left_out: list[LeftOut] = []

    @property
    def are_waiting(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting)

    def add(self, parts: Mapping[int, dict[str, Any]]) -> None:
        """Add parts, by their numbers in the journal."""
        self._waiting.update(parts)

    def take(self, trial_id: str, find: Callable[[dict[str, Any]], Found | None]) -> Found | None:
        """What is found for the first part for which there is anything; the parts before it go.

        Args:
            trial_id: of the trial that gets it.
            find: finds something for a part, or None.

        Returns:
            None where nothing is found for any part.
        """
        while self._waiting:
            number = min(self._waiting)
            part = self._waiting.pop(number)
            found = find(part)
            if found is not None:
                self._taken[trial_id] = number
                return found
            self._left_out.append(LeftOut(number, part))
        return None

    def left_out(self) -> list[LeftOut]:
        """For the journal, the parts that have gone without a trial since the last call."""
        left_out, self._left_out = self._left_out, []
        return left_out

    def of(self, trial_id: str) -> int | None:
        """The number of the part that a trial has got, None where it has none."""
        return self._taken.get(trial_id)
