"""Gives Tune the trials of a search: first those of earlier sessions, then new ones."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from ray.tune import Experiment
from ray.tune.experiment import Trial
from ray.tune.registry import get_trainable_cls
from ray.tune.search import Searcher
from ray.tune.search.search_algorithm import SearchAlgorithm
from ray.tune.trainable import Trainable

from pcsearch.engine.execution.restore import RestoredTrial, restore_in_tune
from pcsearch.engine.execution.trial import SearchTrial, TrialContext
from pcsearch.engine.records.journal import Journal, Suggested
from pcsearch.engine.search.searchers import BayesSearcher, PlannedSearcher


class TrialSource(SearchAlgorithm):
    """Tune's search algorithm: gives restored trials first, then those that the searcher suggests.

    A trial is suggested only when it can start at once, because the searcher learns from every
    report until then. The journal gets a line for each trial before the trial starts.

    Args:
        searcher: suggests the new trials.
        restored: the trials of earlier sessions, which the searcher has already.
        slots: tells how many trials can run at the same time.
        context: what all trials have in common.
    """

    def __init__(
        self,
        searcher: PlannedSearcher | BayesSearcher,
        restored: Sequence[RestoredTrial],
        slots: Callable[[], int],
        context: TrialContext,
    ) -> None:
        self._searcher = searcher
        # The ended trials come first: they take no slot, so they need not wait for one.
        self._restored = deque(sorted(restored, key=lambda each: not each.trial_history.over))
        self._suggested = len(restored)
        self._slots = slots
        self._context, self._journal = context, Journal(context.directory)
        self._running: set[str] = set()
        for each in restored:
            # Here, not in `next_trial`: a session that ends early shows all trials in its results.
            config = searcher.config(each.trial_history)
            context.outcomes.begin(each.trial_history.id, each.trial_history.number, config)
        self._spec: Mapping[str, Any] = {}
        self._has_finished = False

    def add_configurations(self, experiments: Any) -> None:
        """Keep what Tune's experiment says about all its trials."""
        (experiment,) = experiments
        assert isinstance(experiment, Experiment), "Tune registers the experiment itself"
        self._spec = dict(experiment.spec)

    def next_trial(self) -> Trial | None:
        """The next trial, None where there is none or all slots are taken."""
        is_full = len(self._running) >= self._slots()
        if self._restored:
            trial_history = self._restored[0].trial_history
            if not trial_history.over:
                if is_full:
                    return None
                self._running.add(trial_history.id)
            trial = self._trial(
                trial_history.number, trial_history.id, self._searcher.config(trial_history)
            )
            restore_in_tune(self._restored.popleft(), trial)
            return trial
        return None if self._has_finished or is_full else self._new_trial()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Give a report to the searcher."""
        self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Free the slot of a trial that has ended, and tell the searcher."""
        self._running.discard(trial_id)
        self._searcher.on_trial_complete(trial_id, result, error)

    def set_finished(self) -> None:
        """Suggest no new trials."""
        self._has_finished = True

    def is_finished(self) -> bool:
        """Whether there are no more trials."""
        return self._has_finished and not self._restored

    def _new_trial(self) -> Trial | None:
        trial_id = str(Trial.generate_id())  # type: ignore[no-untyped-call]
        config = self._searcher.suggest(trial_id)
        if config == Searcher.FINISHED:
            self._has_finished = True
            return None
        self._suggested += 1
        trial = self._trial(self._suggested, trial_id, copy.deepcopy(config))
        point = self._searcher.point(trial_id)
        self._journal.add(Suggested(trial_id, self._suggested, point))
        self._running.add(trial_id)
        return trial

    def _trial(self, number: int, trial_id: str, config: dict[str, Any]) -> SearchTrial:
        return SearchTrial(
            number, trial_id, config, self._spec, self._trainable_class, self._context
        )

    @cached_property
    def _trainable_class(self) -> type[Trainable]:
        trainable: type[Trainable] = get_trainable_cls(self._spec["run"])  # type: ignore[no-untyped-call]
        return trainable
