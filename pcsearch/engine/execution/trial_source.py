"""Where Tune gets a search's trials from: those of earlier sessions first, then new ones."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.registry import get_trainable_cls
from ray.tune.search import Searcher, SearchGenerator
from ray.tune.trainable import Trainable

from pcsearch.engine.cluster.node_watcher import Newcomers
from pcsearch.engine.execution.restore import Restored, into_tune
from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.journal import Journal, Suggested
from pcsearch.engine.records.outcome import Outcomes
from pcsearch.engine.search.searchers import BayesSearcher, PlannedSearcher
from pcsearch.sweeps.metrics import Metric


class TrialSource(SearchGenerator):
    """A searcher as Tune wants it; how many trials there are is the searcher's alone to say.

    Args:
        searcher: suggests the trials.
        restored: trials of earlier sessions, which it knows.
        directory: the experiment's; its journal is told of every trial before it starts.
        outcomes: of the search's trials.
        room: how many run at once at most; a trial that had to wait would be suggested too early.
        metric: what trials are compared by, None where nobody says.
        newcomers: of the cluster, None where none can come.
    """

    def __init__(
        self,
        searcher: PlannedSearcher | BayesSearcher,
        restored: Sequence[Restored],
        directory: Path,
        outcomes: Outcomes,
        room: Callable[[], int],
        metric: Metric | None,
        newcomers: Newcomers | None = None,
    ) -> None:
        super().__init__(searcher)
        self._searcher = searcher
        # Those that are over take no room.
        self._earlier = deque(sorted(restored, key=lambda each: not each.past.over))
        self._suggested = len(restored)
        self._directory, self._journal = directory, Journal(directory)
        self._outcomes = outcomes
        for each in restored:
            # They are part of the results also where the session ends before it comes to them.
            outcomes.begin(each.past.id, each.past.number, searcher.config(each.past))
        self._room = room
        self._running: set[str] = set()
        self._of: Metric | None = metric
        self._newcomers = newcomers

    def next_trial(self) -> Trial | None:
        """The next trial of an earlier session, or a new one where there is room for it."""
        full = len(self._running) >= self._room()
        if self._earlier:
            past = self._earlier[0].past
            if not past.over:
                if full:
                    return None
                self._running.add(past.id)
            restored = self._earlier.popleft()
            config = self._searcher.config(past)
            trial = self._trial(past.number, past.id, config)
            into_tune(restored, trial)
            return trial
        if self._finished or full:
            return None
        return self._new_trial()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass it on; there is room for another trial."""
        self._running.discard(trial_id)
        super().on_trial_complete(trial_id, result, error)

    def is_finished(self) -> bool:
        """Whether no trial is left to come."""
        return self._finished and not self._earlier

    def save_to_dir(self, dirpath: str, session_str: str = "", **kwargs: Any) -> None:
        """Nothing: the journal has it."""

    def _new_trial(self) -> Trial | None:
        trial_id = str(Trial.generate_id())  # type: ignore[no-untyped-call]
        config = self._searcher.suggest(trial_id)
        if config == Searcher.FINISHED:
            self._finished = True
            return None
        self._suggested += 1
        trial = self._trial(self._suggested, trial_id, copy.deepcopy(config))
        point = self._searcher.point(trial_id)
        self._journal.add(Suggested(trial_id, self._suggested, point))
        self._running.add(trial_id)
        return trial

    def _trial(self, number: int, trial_id: str, config: dict[str, Any]) -> SearchTrial:
        return SearchTrial(
            number,
            self._spec,
            config,
            trial_id,
            self._directory,
            self._outcomes.begin(trial_id, number, config),
            self._of,
            self._newcomers,
            self._trainable,
        )

    @property
    def _spec(self) -> dict[str, Any]:
        assert self._experiment is not None, "Tune registers the experiment first"
        return dict(self._experiment.spec)

    @cached_property
    def _trainable(self) -> type[Trainable]:
        found: type[Trainable] = get_trainable_cls(self._spec["run"])  # type: ignore[no-untyped-call]
        return found
