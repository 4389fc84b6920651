"""Takes configurations that a second terminal enqueues while the search runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcsearch.engine.experiment.editing import check_alone
from pcsearch.engine.experiment.enqueuing import OPTION
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.journal.changes import Enqueued
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.matching.placing import Placing


class LiveQueue:
    """The configurations to try first of a running search.

    Args:
        experiment: the search.
        journal: of this driver; it has them before the searcher does.
        enqueue: gives them to the searcher, and tells whether a trial is left for them.
        before: is called before the journal gets some: who would join the search is to know it.
    """

    def __init__(
        self,
        experiment: Experiment,
        journal: Journal,
        enqueue: Callable[[Mapping[int, dict[str, Any]]], bool],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._experiment, self._journal = experiment, journal
        self._enqueue, self._before = enqueue, before
        self._placing = Placing(experiment.configured)
        self._known = list(map(identity, experiment.history.enqueued))

    def add(self, configs: Sequence[Mapping[str, Any]]) -> str:
        """Enqueue configurations, or parts of them; the same one again counts once.

        Returns:
            What became of them, in words.

        Raises:
            PcsearchError: several drivers run the search.
            StorageError: the journal cannot be written.
        """
        experiment = self._experiment
        check_alone(experiment.directory, experiment.history, OPTION)
        placed = [self._placing.place_part(each) for each in configs]
        new = {identity(each): each for each in placed if each is not None}
        parts = [each for key, each in new.items() if key not in self._known]
        first = len(self._known)
        if not parts:
            return "nothing is enqueued: the configurations are known, or outside of the sweep file"
        self._before()
        self._journal.add(Enqueued(parts))
        self._known += map(identity, parts)
        has_trials = self._enqueue(dict(enumerate(parts, first)))
        told = f"configurations to try next: {len(parts)}"
        if not has_trials:
            told += "; all trials of the search have begun, so resume it with more (--num-samples)"
        return told
