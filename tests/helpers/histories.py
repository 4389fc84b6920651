"""Trials of earlier sessions for tests, without folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pcsearch.engine.records.history import TrialHistory


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
