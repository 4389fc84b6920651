"""Makes reports of what a program logs, as W&B makes rows of a run's history of it.

A call of ``wandb.log`` adds to the run's row; the row ends with a call that commits it, or with one
of a later step. A row with a metric of the search is a report. It goes on at once, because a trial
may have to be stopped; what the program logs later in the same row comes with the next report, and
so do rows without a metric: a report has the newest value of each name since the report before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

SETTLE_S = 0.2
"""How long a row with the metric waits for more calls that add to it."""
LOG, SUMMARY, BEGIN, STOP = "log", "summary", "begin", "stop"
"""The kinds of messages of a program."""


@dataclass(frozen=True)
class ProgramReport:
    """A report of a program.

    Args:
        values: by name.
        to: the place of the newest message that is in it.
    """

    values: dict[str, Any]
    to: int


class Rows:
    """The rows of a program, and of all its processes that log.

    Args:
        metrics: the names of the search's metrics; without any, each row is a report.
        now: the time in seconds.
    """

    def __init__(self, metrics: Collection[str], now: Callable[[], float] = time.monotonic) -> None:
        self._metrics, self._now = frozenset(metrics), now
        self._values: dict[str, Any] = {}
        self._due: float | None = None
        self._row: tuple[int, int] | None = None
        """The sender and the step of the row with the metric that is not reported yet."""
        self._steps: dict[int, int] = {}
        self._to = 0
        self.summary: dict[str, Any] = {}
        """The newest summary of the run, by name."""
        self.names: set[str] = set()
        """All names that were logged."""
        self.has_reported = False
        self.runs: list[Mapping[str, Any]] = []
        """What is known of the runs that the program has begun."""
        self.is_stopped = False
        """Whether the user has stopped the run at W&B."""

    def add(self, message: Mapping[str, Any], place: int) -> list[ProgramReport]:
        """Take a message in; the reports that are complete by it.

        Args:
            message: a call of one of the program's processes.
            place: of the message among all.
        """
        values = message.get("values")
        if not isinstance(values, dict):
            return []
        if message.get("kind") == BEGIN:
            self.runs.append(values)
            return []
        if message.get("kind") == STOP:
            self.is_stopped = True
            return []
        if message.get("kind") == SUMMARY:
            self.summary |= values
            self._to = place
            return []
        sender = message.get("process", 0)
        self.names |= values.keys()
        step, commit = message.get("step"), message.get("commit")
        row = (sender, self._step(sender, step))
        done: list[ProgramReport] = []
        if self._row not in (None, row) or (
            self._due and self._metrics & {*values} & {*self._values}
        ):
            done.append(self._report())
        self._values |= values
        self._to = place
        if not self._metrics or self._metrics & values.keys():
            self._row = row
            self._due = self._now() + SETTLE_S
        if commit or (commit is None and step is None):
            self._steps[sender] = row[1] + 1
            if self._row == row:
                done.append(self._report())
        return done

    def due(self) -> list[ProgramReport]:
        """The report that nothing was added to for a while."""
        if self._due is None or self._now() < self._due:
            return []
        return [self._report()]

    def wait(self) -> float | None:
        """How many seconds there are until a report is due, None where none is waiting."""
        return None if self._due is None else max(0.0, self._due - self._now())

    def rest(self) -> list[ProgramReport]:
        """The last report, when the program has ended.

        A program may write its metric into the run's summary only, at its end.
        """
        if self._due is not None:
            return [self._report()]
        found = self._metrics & self.summary.keys()
        if self.has_reported or not found:
            return []
        self._values |= self.summary
        return [self._report()]

    def _step(self, sender: int, step: Any) -> int:
        before = self._steps.get(sender, 0)
        new = int(step) if isinstance(step, int | float) and step > before else before
        self._steps[sender] = new
        return new

    def _report(self) -> ProgramReport:
        values, self._values = self._values, {}
        self._due = self._row = None
        self.has_reported = True
        return ProgramReport(values, self._to)
