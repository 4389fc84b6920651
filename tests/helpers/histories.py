"""Earlier sessions of a search: trials without folders, and journals with given events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.events import Event
from pcsearch.engine.records.journal.history import TrialHistory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history


@dataclass
class MadeTrialHistory(TrialHistory):
    """A trial of an earlier session with reports that are given, oldest first."""

    made: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reports(self) -> Iterator[dict[str, Any]]:
        return iter(self.made)

    @property
    def last_report(self) -> dict[str, Any] | None:  # type: ignore[override]
        return self.made[-1] if self.made else None


def history_of(directory: Path, *events: Event) -> Any:
    """The history of a search whose journal gets these events."""
    for event in events:
        Journal(directory).add(event)
    return read_history(directory)
