"""The configurations of a search whose seeds are replicates, the best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pcsearch.engine.experiment.definition import SearchDefinition
from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.trial_result import TrialResult, best
from pcsearch.engine.results.groups import Group, group_of, mean
from pcsearch.engine.search.replicates.entrants import entrant, is_in_race
from pcsearch.engine.search.replicates.racing import standings
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.replicates import Replicates

PARTS = ("", "_deviation", "_seeds")
"""What follows the name of a mean in the names of what is known of it."""
MEASURES = tuple(f"{name}{part}" for name in ("mean", "chosen_by") for part in PARTS)
"""The names in `Configuration.measures`."""


def six_digits(value: float | None) -> str:
    """A number as text with six digits."""
    return "none" if value is None else f"{value:.6g}"


@dataclass(frozen=True)
class Configuration:
    """A configuration with its runs.

    Its means are over the runs that have come to their own ends, as in the race: what a run had
    that was stopped early, or that still runs, says nothing about a whole one.

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
        return self.judged_by.means[0]

    @property
    def measures(self) -> dict[str, float | int | None]:
        """Its means, their deviations and how many runs they are of, by names for result files.

        ``chosen_by`` is the mean with the file's seeds, which is a little lucky, where ``mean`` is
        that with fresh seeds; None without these.
        """
        chosen = self.runs if self.confirmation else None
        return {
            f"{name}{part}": value
            for name, group in (("mean", self.judged_by), ("chosen_by", chosen))
            for part, value in _measures(group).items()
        }

    @property
    def judged_by(self) -> Group:
        """The runs whose mean is what it is worth."""
        return self.confirmation or self.runs

    @property
    def counted(self) -> tuple[TrialResult, ...]:
        """The runs that count in one of its means."""
        fresh = () if self.confirmation is None else self.confirmation.counted
        return (*self.runs.counted, *fresh)

    def best_run(self, metrics: Sequence[Metric]) -> TrialResult | None:
        """The best of the runs that count, which stands for it where one run must."""
        return best(self.counted, metrics)

    def in_words(self, shown: Callable[[float | None], str] = six_digits) -> str:
        """What it is worth: the means, the deviations and how many seeds they are of.

        Args:
            shown: makes a text of a number.
        """
        chosen = _in_words(self.runs, "seed", shown)
        if self.confirmation is None:
            return chosen
        return f"{_in_words(self.confirmation, 'fresh seed', shown)}; it was chosen by {chosen}"


class LiveConfigurations:
    """The configurations of a running search; safe in any thread.

    Args:
        search: whose seeds may be replicates.
        outcomes: of its trials.
    """

    def __init__(self, search: SearchDefinition, outcomes: Outcomes) -> None:
        self._search, self._outcomes = search, outcomes
        # To compare configurations takes a while, and it is asked several times a second.
        self._found: tuple[int, list[Configuration]] = 0, []

    def all(self) -> list[Configuration]:
        """Those of the runs that have ended, the best first; none without replicates."""
        count, (known, found) = self._outcomes.ended_count, self._found
        if count == known or self._search.replicates is None:
            return found
        # Other threads add trials meanwhile.
        results = [each.result() for each in list(self._outcomes) if each.ended]
        sweep, metrics = self._search.sweep, self._search.metrics
        found = configurations_of(results, sweep.searched(), metrics, self._search.replicates)
        # A resumed session knows of trials before it knows their values.
        if all(each.config for each in results):
            self._found = count, found
        return found

    def best(self) -> Configuration | None:
        """The best one, None where none has a mean."""
        found = self.all()
        return found[0] if found and found[0].mean is not None else None

    def of(self, replicate: Replicate | None) -> Configuration | None:
        """That of a run, None where no run of it has ended."""
        number = None if replicate is None else replicate.configuration
        return next((each for each in self.all() if each.number == number), None)


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
    seeds, sign = len(replicates.seeds), metrics[0].sign
    by_number: dict[int, list[TrialResult]] = {}
    for result in results:
        if result.replicate is not None and result.config:
            by_number.setdefault(result.replicate.configuration, []).append(result)
    configurations, entrants = [], []
    for number, trials in sorted(by_number.items()):
        raced = [each for each in trials if is_in_race(each, seeds)]
        fresh = [each for each in trials if each not in raced]
        confirmation = group_of(fresh, kept, 1, whole=True) if fresh else None
        configurations.append(
            Configuration(
                number,
                group_of(raced or trials, kept, 1, whole=True),
                confirmation if confirmation and confirmation.count else None,
            )
        )
        entrants.append(entrant(raced, seeds, sign))
    placed = standings(entrants, seeds)

    pairs = zip(configurations, (each.expected for each in placed), strict=True)
    ordered = sorted(pairs, key=lambda pair: _rank(pair[0], pair[1], sign))
    return [configuration for configuration, _ in ordered]


def _rank(configuration: Configuration, expected: float, sign: float) -> tuple[float, ...]:
    """Where a configuration comes: less is earlier.

    Args:
        configuration: to be ordered.
        expected: the loss that the race expects of it over all seeds.
        sign: 1 where less is better, else -1.
    """
    runs, confirmed = configuration.runs, configuration.confirmation
    # The mean of those that are left would be that of the lucky ones.
    is_doubtful = confirmed is not None and any(
        each.status in ("failed", "diverged") for each in confirmed.trials
    )
    value = expected if confirmed is None else sign * (confirmed.means[0] or 0.0)
    # What runs had that were stopped, or still run, is all there is to order the last ones by.
    values = [each.value for each in runs.counted or runs.trials if each.valued]
    known = [value for value in values if value is not None]
    return (
        confirmed is None,
        is_doubtful,
        value,
        not runs.counted,
        sign * mean(known) if known else math.inf,
        configuration.number,
    )


def _measures(group: Group | None) -> dict[str, float | int | None]:
    if group is None:
        return dict.fromkeys(PARTS)
    return dict(zip(PARTS, (group.means[0], group.deviations[0], group.count), strict=True))


def _in_words(group: Group, seeds: str, shown: Callable[[float | None], str]) -> str:
    deviation = "" if group.deviations[0] is None else f" ± {shown(group.deviations[0])}"
    counted = f"{group.count} {seeds}{'s' * (group.count != 1)}"
    if group.stopped:
        counted += f"; {group.stopped} stopped"
    return f"{shown(group.means[0])}{deviation} ({counted})"
