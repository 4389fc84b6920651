"""What a search found: its trials, ranked by the metric, or the best of several metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.sweeps.metrics import Metric

Status = Literal["finished", "stopped", "diverged", "failed", "interrupted"]


@dataclass(frozen=True)
class TrialResult:
    """A trial as far as it came.

    Args:
        number: from 1, in the order of suggestion.
        trial_id: Tune's, and the W&B run's.
        folder: its folder's name in the experiment's directory.
        config: the values that it was given.
        status: ``stopped`` is before its own end, by the scheduler or because the search ended.
        epoch: how many it trained.
        values: of each of the search's metrics, the best that it reported; None when it diverged
            or measured nothing. With several metrics, those of its last report that has all.
        seconds: how long it ran.
        error: the first line of what made it fail, else an empty string.
        reported: the names of the numbers in its last report.
        replicate: of which configuration it is a run; None where seeds are no replicates.
    """

    number: int
    trial_id: str
    folder: str
    config: Mapping[str, Any]
    status: Status
    epoch: int
    values: tuple[float | None, ...]
    seconds: float
    error: str = ""
    reported: tuple[str, ...] = ()
    replicate: Replicate | None = None

    @property
    def value(self) -> float | None:
        """The value of the first metric."""
        return self.values[0] if self.values else None

    @property
    def valued(self) -> bool:
        """Whether the trial takes part in the ranking."""
        return self.status != "failed" and bool(self.values) and None not in self.values

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.status != "interrupted"

    @property
    def is_whole(self) -> bool:
        """Whether it came to its own end with a value: a mean over seeds is over such ones."""
        return is_whole(self.status, self.values)


def is_whole(status: Status, values: Sequence[float | None]) -> bool:
    """Whether a trial of a status came to its own end, with a value of each metric."""
    return status == "finished" and bool(values) and None not in values


def ranked(results: Iterable[TrialResult], metrics: Sequence[Metric]) -> list[TrialResult]:
    """The best first, by the first metric; of several metrics, those that none beats before all.

    Trials without a value come last, in the order of their numbers.
    """
    results = list(results)
    front = {result.number for result in pareto_front(results, metrics)}

    def key(result: TrialResult) -> tuple[bool, bool, float, int]:
        value = result.value if result.valued else None
        if value is None:
            return True, True, 0.0, result.number
        sign = metrics[0].sign
        return False, result.number not in front, sign * value, result.number

    return sorted(results, key=key)


def pareto_front(results: Iterable[TrialResult], metrics: Sequence[Metric]) -> list[TrialResult]:
    """The trials that no other beats: none is as good in every metric and better in one.

    Of one metric they are the trials with its best value.
    """
    signs = [metric.sign for metric in metrics]
    pairs = [(_signed(result, signs), result) for result in results if result.valued]
    unbeaten = _unbeaten({point for point, _ in pairs})
    front = [(point, result) for point, result in pairs if point in unbeaten]
    return [result for _, result in sorted(front, key=lambda pair: (pair[0], pair[1].number))]


def best(results: Iterable[TrialResult], metrics: Sequence[Metric]) -> TrialResult | None:
    """The best trial, None where none has a value."""
    first = next(iter(ranked(results, metrics)), None)
    return first if first is not None and first.valued else None


def _signed(result: TrialResult, signs: Sequence[int]) -> tuple[float, ...]:
    pairs = zip(signs, result.values, strict=True)
    return tuple(sign * value for sign, value in pairs if value is not None)


def _unbeaten(points: Collection[tuple[float, ...]]) -> Collection[tuple[float, ...]]:
    """Those of different points that no other beats; less is better."""
    front: dict[tuple[float, ...], None] = {}
    # In this order a point can only be beaten by one that came before it.
    for point in sorted(points):
        # Of two metrics, the newest of the front has the least second one: thousands are quick.
        others = reversed(front) if len(point) > 2 else islice(reversed(front), 1)
        if not any(all(a <= b for a, b in zip(other, point, strict=True)) for other in others):
            front[point] = None
    return front
