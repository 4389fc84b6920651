"""The runs of other drivers in a sweep: what is known of them is kept up to date."""

from __future__ import annotations

import math
import time

from pcsearch.engine.records.ledger import OtherResult
from pcsearch.tracking.ledger.entries import Entries
from pcsearch.tracking.ledger.results import other_result
from pcsearch.tracking.ledger.terms import Terms
from pcsearch.tracking.server.sweep_runs import SweepRuns


class OtherRuns:
    """Asks W&B's server for the runs of a sweep, and puts what it says into the entries.

    Its methods raise `NoAnswer` where the server does not answer.

    Args:
        runs: the sweep's, at the server.
        entries: what is known of them.
        terms: whether the search learns from the results of others, and from which metrics.
    """

    def __init__(self, runs: SweepRuns, entries: Entries, terms: Terms) -> None:
        self._runs, self._entries, self._terms = runs, entries, terms
        self._listed_at = -math.inf
        self._learned: set[str] = set()

    @property
    def age(self) -> float:
        """How many seconds ago the runs were listed."""
        return time.monotonic() - self._listed_at

    def skip(self) -> None:
        """Take the runs for listed: a sweep that is new has none."""
        self._listed_at = time.monotonic()

    def list_new(self) -> None:
        """Ask for the runs that are not known yet."""
        self._entries.update(self._runs.newest(is_known=self._entries.knows))
        self._listed_at = time.monotonic()

    def look_at_running(self) -> None:
        """Ask for the runs of other drivers that go on."""
        running = [run.id for run in self._entries.others(ended=False)]
        found = self._runs.of_ids(running)
        self._entries.update(found)
        for run_id in set(running) - {run.id for run in found}:
            # Somebody has deleted it.
            self._entries.remove(run_id)

    def new_results(self) -> list[OtherResult]:
        """The results of other drivers' trials that have ended since, for a searcher that learns.

        Returns:
            Each once; none where the search does not learn.
        """
        if not self._terms.metrics:
            return []
        # A trial that was interrupted may run on.
        self._learned.difference_update(run.id for run in self._entries.others(ended=False))
        ended = [run.id for run in self._entries.others(ended=True)]
        new = [run_id for run_id in ended if run_id not in self._learned]
        results = [
            other_result(run, self._terms.metrics, self._terms.stops_early)
            for run in self._runs.of_ids(new, with_results=True)
        ]
        self._learned.update(new)
        return [result for result in results if result is not None]
