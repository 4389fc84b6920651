"""The configurations of a search whose seeds are replicates, the best first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.groups import Group, group_of
from pcsearch.engine.search.racing import Entrant, standings
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.replicates import Replicates


@dataclass(frozen=True)
class Configuration:
    """A configuration with its runs.

    Args:
        number: from 1, in the order in which they began.
        runs: with the seeds of the sweep file; their mean chose it.
        confirmation: its runs with fresh seeds, None without any that has a value.
    """

    number: int
    runs: Group
    confirmation: Group | None

    @property
    def mean(self) -> float | None:
        """What it is worth: the mean with fresh seeds, else that with the file's."""
        return (self.confirmation or self.runs).means[0]


def configurations_of(
    results: Sequence[TrialResult],
    searched: Sequence[Parameter],
    metrics: Sequence[Metric],
    replicates: Replicates,
) -> list[Configuration]:
    """The configurations of a search, the best first.

    Those with fresh seeds come first, by their means with these. Then come the others, by the means
    over all seeds that the race expects them to come to; those that are out of it are last.

    Args:
        results: of the search's trials.
        searched: the parameters that are no constants.
        metrics: of the search, one.
        replicates: its seeds.
    """
    kept = [parameter for parameter in searched if parameter.name != replicates.name]
    seeds, sign = len(replicates.seeds), 1.0 if metrics[0].mode == "min" else -1.0
    by_number: dict[int, list[TrialResult]] = {}
    for result in results:
        if result.replicate is not None and result.config:
            by_number.setdefault(result.replicate.configuration, []).append(result)
    configurations, entrants = [], []
    for number, trials in sorted(by_number.items()):
        raced = [each for each in trials if each.replicate and each.replicate.seed < seeds]
        fresh = [each for each in trials if each not in raced]
        confirmation = group_of(fresh, kept, 1) if any(each.valued for each in fresh) else None
        configurations.append(
            Configuration(number, group_of(raced or trials, kept, 1), confirmation)
        )
        entrants.append(_entrant(raced, sign))
    placed = standings(entrants, seeds)

    def rank(pair: tuple[Configuration, float]) -> tuple[bool, bool, float, float, int]:
        configuration, expected = pair
        confirmed, mean = configuration.confirmation, configuration.runs.means[0]
        # The mean of those that are left would be that of the lucky ones.
        is_doubtful = confirmed is not None and any(
            each.status in ("failed", "diverged") for each in confirmed.trials
        )
        value = expected if confirmed is None else sign * (confirmed.means[0] or 0.0)
        return (
            confirmed is None,
            is_doubtful,
            value,
            math.inf if mean is None else sign * mean,
            configuration.number,
        )

    pairs = zip(configurations, (each.expected for each in placed), strict=True)
    return [configuration for configuration, _ in sorted(pairs, key=rank)]


def _entrant(results: Sequence[TrialResult], sign: float) -> Entrant:
    made = Entrant()
    for each in results:
        assert each.replicate is not None, "chosen by it"
        if each.status == "finished" and each.value is not None:
            made.losses[each.replicate.seed] = sign * each.value
        made.is_out |= each.status in ("failed", "diverged", "stopped")
    return made
