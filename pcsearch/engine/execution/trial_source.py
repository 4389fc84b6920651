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
from pcsearch.engine.records.journal.events import Decided
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Access, Claim, Ledger
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
from pcsearch.engine.search.searchers.replicated import ReplicatedSearcher
from pcsearch.sweeps.messages import shown


class TrialSource(SearchAlgorithm):
    """Tune's search algorithm: gives restored trials first, then those that the searcher suggests.

    A trial is suggested only when it can start at once, because the searcher learns from every
    report until then. The journal gets a line for each trial before the trial starts.

    Where other drivers share the search, the ledger says which number the next trial has.

    Args:
        searcher: suggests the new trials.
        restored: the trials of earlier sessions, which the searcher has already.
        slots: tells how many trials can run at the same time.
        context: what all trials have in common.
        ledger: of a search that other drivers share, None for one of this driver alone.
        is_paused: tells whether a second terminal has paused the search.
        tell: prints a line for the user.
    """

    def __init__(
        self,
        searcher: PlannedSearcher | BayesSearcher | ReplicatedSearcher,
        restored: Sequence[RestoredTrial],
        slots: Callable[[], int],
        context: TrialContext,
        ledger: Ledger | None = None,
        is_paused: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger, self._is_paused, self._tell = ledger, is_paused, tell
        self._searcher = searcher
        # The ended trials come first: they take no slot, so they need not wait for one.
        self._restored = deque(sorted(restored, key=lambda each: not each.trial_history.over))
        self._numbers = {each.trial_history.number for each in restored}
        self._lowest = 1
        self._slots = slots
        self._context, self._journal = context, Journal(context.directory)
        self._running: set[str] = set()
        self._enqueued: deque[Mapping[int, dict[str, Any]]] = deque()
        for each in restored:
            # Here, not in `next_trial`: a session that ends early shows all trials in its results.
            config = searcher.config(each.trial_history)
            context.outcomes.begin(each.trial_history.id, each.trial_history.number, config)
        self._spec: Mapping[str, Any] = {}
        self._is_complete = False

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
                if is_full or self._access != "open":
                    return None
                self._running.add(trial_history.id)
            trial = self._trial(
                trial_history.number, trial_history.id, self._searcher.config(trial_history)
            )
            restore_in_tune(self._restored.popleft(), trial)
            return trial
        return None if self._is_complete or is_full else self._new_trial()

    @property
    def is_waiting(self) -> bool:
        """Whether no trial runs, and the next one has to wait: for the ledger, or for a user."""
        if self._running or self.is_finished():
            return False
        if self._restored:
            return self._access == "paused" and not self._restored[0].trial_history.over
        if isinstance(self._searcher, ReplicatedSearcher) and self._searcher.is_exhausted:
            return False
        # A ledger that is asked makes a claim, which a search that is paused here must not hold.
        is_ready = self._is_paused() or self._ledger is None or self._ledger.is_ready
        if self._access == "paused":
            # A claim that is ready has to wait too.
            return not self._is_exhausted
        return self._access == "open" and not is_ready

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Give a report to the searcher, and tell the ledger that the trial runs."""
        if self._ledger is not None:
            self._ledger.note_running(trial_id)
        self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Free the slot of a trial that has ended, and tell the searcher and the ledger."""
        if self._ledger is not None:
            self._ledger.note_running(trial_id)
        self._running.discard(trial_id)
        self._searcher.on_trial_complete(trial_id, result, error)

    def enqueue(self, parts: Mapping[int, dict[str, Any]]) -> bool:
        """Try configurations next; safe in any thread.

        Args:
            parts: the configurations, or parts of them, by their numbers in the journal.

        Returns:
            Whether a trial is left for them, as far as is known.
        """
        self._enqueued.append(parts)
        return not (self._is_complete or self._is_exhausted)

    def set_finished(self) -> None:
        """Suggest no new trials."""
        self._is_complete = True

    def is_finished(self) -> bool:
        """Whether there are no more trials.

        Where the sweep was stopped at W&B, it may run again as long as trials run here.
        """
        if any(each.trial_history.over for each in self._restored):
            return False
        is_shut = self._access in ("closed", "cancelled") and not self._running
        return is_shut or (self._is_complete and not self._restored)

    @property
    def _access(self) -> Access:
        access = "open" if self._ledger is None else self._ledger.access
        return "paused" if access == "open" and self._is_paused() else access

    @property
    def _is_exhausted(self) -> bool:
        """Whether no new trial is left for this driver, as far as is known."""
        if self._ledger is None or isinstance(self._searcher, ReplicatedSearcher):
            return self._searcher.is_exhausted
        return self._ledger.is_exhausted

    def _new_trial(self) -> Trial | None:
        while self._enqueued:
            self._searcher.enqueue(self._enqueued.popleft())
        if isinstance(self._searcher, ReplicatedSearcher) and not self._has_next(self._searcher):
            return None
        if self._ledger is not None:
            claim = self._claim(self._ledger)
        else:
            # Where none is left, the search ends, also while it is paused.
            claim = self._next() if self._access == "open" or self._is_exhausted else None
        if claim is None:
            return None
        number, trial_id = claim.number, claim.trial_id
        config = self._searcher.suggest(trial_id, number)
        self._note_left_out()
        if config == Searcher.FINISHED:
            self._is_complete = True
            return None
        self._numbers.add(number)
        trial = self._trial(number, trial_id, copy.deepcopy(config))
        self._journal.add(self._searcher.suggested(trial_id, number))
        self._running.add(trial_id)
        return trial

    def _note_left_out(self) -> None:
        """Note, and tell, which enqueued configurations go without a trial."""
        for event in self._searcher.left_out():
            self._journal.add(event)
            self._tell(
                f"the enqueued configuration {shown(event.config)} is not tried: no configuration "
                "with its values is left"
            )

    def _has_next(self, searcher: ReplicatedSearcher) -> bool:
        """Whether a run of a configuration may start; without any left, the search ends.

        It is asked before the ledger, whose claim would be held for nothing.
        """
        if searcher.is_exhausted:
            self._is_complete = True
            if searcher.is_decided:
                self._journal.add(Decided(searcher.fresh, searcher.samples))
            return False
        return not searcher.is_waiting

    def _next(self) -> Claim:
        """The number and the id of the next trial, in a search that no other driver shares."""
        trial_id = str(Trial.generate_id())  # type: ignore[no-untyped-call]
        while self._lowest in self._numbers:
            self._lowest += 1
        return Claim(self._lowest, trial_id)

    def _claim(self, ledger: Ledger) -> Claim | None:
        """The ledger's next claim, None where none is ready; if none is left, the search ends."""
        claim = ledger.claim() if self._access == "open" else None
        # Until this driver's own trials have ended, those of a driver that dies may become free.
        if claim is None and ledger.is_exhausted and not self._running:
            self._is_complete = True
        if claim is not None:
            self._searcher.learn(ledger.new_results())
        return claim

    def _trial(self, number: int, trial_id: str, config: dict[str, Any]) -> SearchTrial:
        return SearchTrial(
            number, trial_id, config, self._spec, self._trainable_class, self._context
        )

    @cached_property
    def _trainable_class(self) -> type[Trainable]:
        trainable: type[Trainable] = get_trainable_cls(self._spec["run"])  # type: ignore[no-untyped-call]
        return trainable
