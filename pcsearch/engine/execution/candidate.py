"""Checkpoints that may be the best of their search, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ray.tune import Checkpoint

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.sweeps.metrics import Metric


class Candidate(NamedTuple):
    """A checkpoint of a trial, with the finite value of the search's metric in its report.

    Where seeds are replicates it has the run that the trial is.
    """

    number: int
    trial_id: str
    config: Mapping[str, Any]
    value: float
    report: Mapping[str, Any]
    checkpoint: Checkpoint
    replicate: Replicate | None = None


class BestCandidate:
    """Chooses the checkpoint for ``DIR/best`` where seeds are replicates.

    It is the best of those of the best configuration, of the runs that count in its mean; before
    one has ended, the best of all.

    Args:
        metric: by which they are compared.
        configurations: of the search.
    """

    def __init__(self, metric: Metric, configurations: LiveConfigurations) -> None:
        self._metric, self._configurations = metric, configurations
        # The best of each trial, which is kept while the trial's folder is.
        self._of_trials: dict[str, Candidate] = {}

    def add(self, candidate: Candidate) -> None:
        """Keep in mind a checkpoint, if it is the best of its trial."""
        before = self._of_trials.get(candidate.trial_id)
        if before is None or self._metric.better(candidate.value, before.value):
            self._of_trials[candidate.trial_id] = candidate

    def of(self, trial_id: str | None) -> Candidate | None:
        """The best of a trial, None where it has offered none."""
        return None if trial_id is None else self._of_trials.get(trial_id)

    def better_than(self, trial_id: str | None, value: float | None) -> Candidate | None:
        """The one to take the place of a kept one; None where that stays.

        Args:
            trial_id: whose checkpoint is kept, None without one.
            value: of the metric of that.
        """
        configuration = self._configurations.best()
        if configuration is None:
            runs = {*self._of_trials, trial_id}
        else:
            runs = {run.trial_id for run in configuration.counted}
        bar = value if trial_id in runs else None
        found = None
        for candidate in (self._of_trials[each] for each in runs if each in self._of_trials):
            if self._metric.better(candidate.value, bar):
                bar, found = candidate.value, candidate
        return found
