"""What W&B's runs show of the search that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ray.tune.experiment import Trial

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.content.files import Artifacts


class Outcomes(Protocol):
    """What the search knows of its trials: a `Record`."""

    @property
    def ended(self) -> int:
        """How many trials have ended."""

    @property
    def failures(self) -> int:
        """How many of them failed."""

    @property
    def winner(self) -> str | None:
        """The id of the trial that has reached the target."""

    def epoch(self, report: Mapping[str, Any]) -> int:
        """The epoch of a report."""

    def best_values(self, trial: Trial) -> tuple[float | None, ...]:
        """The best of the search's metrics that a trial has reported."""

    def result(self, trial: Trial) -> TrialResult:
        """A trial as far as it came."""

    def rung(self, trial: Trial) -> int | None:
        """The rung at which a trial was stopped."""

    def ended_by_target(self, trial: Trial) -> bool:
        """Whether a trial was ended because another reached the target."""

    def ended_by_hand(self, trial: Trial) -> bool:
        """Whether the user has stopped a trial."""

    def error(self, trial: Trial) -> str:
        """The first lines of what made a trial fail."""


def _forget(trial_id: str, step: int) -> None:
    """For a search that nobody will go on with."""


@dataclass(frozen=True)
class Earlier:
    """What earlier sessions have left.

    Args:
        trials: the ids of those that have begun.
        tracked: by trial, the last step of its run where the run was closed with everything in it.
        over: whether the search had come to its end: that has been told.
        note: is told the id and the last step of every run that is closed so, in any thread.
    """

    trials: frozenset[str] = frozenset()
    tracked: Mapping[str, int] = field(default_factory=dict)
    over: bool = False
    note: Callable[[str, int], None] = _forget


@dataclass(frozen=True)
class Search:
    """What the runs show of their search.

    Args:
        metrics: what its trials are compared by.
        searched: the names of the parameters that differ from trial to trial.
        trials: how many there are at most, None where nobody knows.
        effective_config: turns a trial's values into the settings to show, plain as in JSON.
        name: what the names of the runs begin with.
        artifacts: whether models are kept in W&B.
    """

    metrics: Sequence[Metric]
    searched: Sequence[str]
    trials: int | None
    effective_config: Callable[[Mapping[str, Any]], dict[str, Any]]
    name: str | None = None
    artifacts: Artifacts = "none"
