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
    """Tune's search algorithm, which asks the searcher for trials until it has no more.

    A trial is suggested only when it can start at once: later the searcher knows more.

    Args:
        searcher: suggests the trials.
        restored: the trials of earlier sessions, which the searcher knows.
        slots: gives how many trials can run at once.
        context: what all trials have in common. The journal in its directory gets a line for every
            trial before the trial starts.
    """

    def __init__(
        self,
        searcher: PlannedSearcher | BayesSearcher,
        restored: Sequence[RestoredTrial],
        slots: Callable[[], int],
        context: TrialContext,
    ) -> None:
        self._searcher = searcher
        # The trials that are over take no slot.
        self._restored = deque(sorted(restored, key=lambda each: not each.past.over))
        self._suggested = len(restored)
        self._slots = slots
        self._context, self._journal = context, Journal(context.directory)
        self._running: set[str] = set()
        for each in restored:
            # They are part of the results also where the session ends before it comes to them.
            config = searcher.config(each.past)
            context.outcomes.begin(each.past.id, each.past.number, config)
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
            past = self._restored[0].past
            if not past.over:
                if is_full:
                    return None
                self._running.add(past.id)
            trial = self._trial(past.number, past.id, self._searcher.config(past))
            restore_in_tune(self._restored.popleft(), trial)
            return trial
        return None if self._has_finished or is_full else self._new_trial()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Tell the searcher a report."""
        self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the searcher the end of a trial, whose slot is free now."""
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
