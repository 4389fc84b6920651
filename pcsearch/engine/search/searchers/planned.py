"""The searcher of ``grid`` and ``random``, whose configurations do not depend on results."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.search import Searcher

from pcsearch.engine.records.journal.changes import LeftOut
from pcsearch.engine.records.journal.events import Suggested
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.search.searchers.enqueued_parts import EnqueuedParts
from pcsearch.engine.search.searchers.remaining import Configurations, Remaining
from pcsearch.sweeps.sweep import Sweep


class PlannedSearcher(Searcher):
    """Suggests configurations that do not depend on results: those of a grid, or random ones.

    Args:
        sweep: the newest sweep file.
        planned: its configurations by number.
        cap: the largest number of trials, None for no bound.
        history: of a resumed search; the configurations after its trials are suggested.
        remaining: what is left of a search whose file was edited, or that has enqueued
            configurations; None where the number of a trial gives its configuration.
    """

    def __init__(
        self,
        sweep: Sweep,
        planned: Configurations,
        cap: int | None,
        history: History | None = None,
        remaining: Remaining | None = None,
    ) -> None:
        super().__init__()
        history = history or History()
        self._sweep, self._planned = sweep, planned
        self._cap = cap
        # The numbers of its own trials.
        self._used = [trial.number for trial in history.own]
        self._remaining = remaining
        self._enqueued = EnqueuedParts(history.waiting)
        self._configs: dict[str, dict[str, Any]] = {}

    @property
    def is_exhausted(self) -> bool:
        """Whether it has suggested all trials that it may."""
        return self._cap is not None and len(self._used) >= self._cap

    @property
    def has_enqueued(self) -> bool:
        """Whether enqueued configurations wait for a trial."""
        return self._enqueued.are_waiting

    def enqueue(self, parts: Mapping[int, dict[str, Any]]) -> None:
        """Suggest configurations next; of each its number in the journal."""
        if self._remaining is None:
            had = [self._planned.config(number - 1) for number in self._used]
            self._remaining = Remaining(self._sweep, self._planned, had)
        self._enqueued.add(parts)

    def left_out(self) -> list[LeftOut]:
        """For the journal, the enqueued configurations of which nothing was left, each once."""
        return self._enqueued.left_out()

    def config(self, trial: TrialHistory) -> dict[str, Any]:
        """The configuration of a trial of the history."""
        if trial.config is not None:
            return copy.deepcopy(dict(trial.config))
        return self._planned.config(trial.number - 1)

    def suggested(self, trial_id: str, number: int) -> Suggested:
        """What the journal gets of a trial that `suggest` has given a configuration."""
        config = self._configs.pop(trial_id, None)
        return Suggested(trial_id, number, None, config, self._enqueued.of(trial_id))

    def suggest(self, trial_id: str, number: int | None = None) -> Any:
        """The next configuration, or FINISHED after the last.

        Args:
            trial_id: of the trial that gets it.
            number: that of the trial, from 1; None for the next.
        """
        if self.is_exhausted:
            return str(Searcher.FINISHED)
        number = len(self._used) + 1 if number is None else number
        if self._remaining is None:
            config: dict[str, Any] | None = self._planned.config(number - 1)
        else:
            config = self._next(trial_id, number, self._remaining)
        if config is None:
            return str(Searcher.FINISHED)
        self._used.append(number)
        return config

    def _next(self, trial_id: str, number: int, remaining: Remaining) -> dict[str, Any] | None:
        """The next enqueued configuration that no trial has had, else the next one at all."""
        config = self._enqueued.take(trial_id, lambda part: remaining.take(number, part))
        config = remaining.take(number) if config is None else config
        if config is not None:
            self._configs[trial_id] = copy.deepcopy(config)
        return config

    def learn(self, results: Sequence[OtherResult]) -> None:
        """Do nothing: no suggestion depends on a result."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: no suggestion depends on a result."""
