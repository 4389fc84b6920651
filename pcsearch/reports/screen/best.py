"""The best of a running search: a trial or, where seeds are replicates, a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.results.configurations import Configuration, LiveConfigurations
from pcsearch.reports.results import number
from pcsearch.sweeps.parameters import nested
from pcsearch.sweeps.replicates import configuration_name


@dataclass(frozen=True)
class Best:
    """The best trial that has ended; with replicates, the best configuration.

    Args:
        name: what it is called, such as ``trial 3``.
        values: of the metrics; of a configuration, the means over its seeds so far.
        config: the values that it was given, without the seed of a configuration.
        seeds: over how many seeds the values are means, None for a trial.
    """

    name: str
    values: tuple[float | None, ...]
    config: Mapping[str, Any]
    seeds: int | None = None

    @property
    def of_seeds(self) -> str:
        """Over how many seeds its values are means, in words; empty for a trial."""
        if self.seeds is None:
            return ""
        return "of one seed" if self.seeds == 1 else f"mean of {self.seeds} seeds"

    def in_words(self, metric: str) -> str:
        """Its value of the first metric, whose name is given, and what it is."""
        of_what = ", ".join(filter(None, (metric, self.name, self.of_seeds)))
        return f"best so far {number(self.values[0])} ({of_what})"


class BestSoFar:
    """Finds the best of a running search; read in any thread.

    Args:
        experiment: the search.
        outcomes: of its trials.
    """

    def __init__(self, experiment: Experiment, outcomes: Outcomes) -> None:
        self._experiment, self._outcomes = experiment, outcomes
        self._configurations = LiveConfigurations(experiment, outcomes)

    def now(self) -> Best | None:
        """The best of the trials that have ended; None where none of them has a value."""
        if self._experiment.replicates is not None:
            found = self._configurations.best()
            return None if found is None else self._of(found)
        outcome = self._outcomes.best
        if outcome is None:
            return None
        result = outcome.result()
        return Best(f"trial {result.number}", result.values, result.config)

    def _of(self, found: Configuration) -> Best:
        """The configuration that comes first in the table at the end."""
        values, searched = found.runs.config, self._experiment.sweep.searched()
        config = nested((p, values[p.name]) for p in searched if p.name in values)
        runs = found.judged_by
        return Best(configuration_name(found.number), tuple(runs.means), config, runs.count)
