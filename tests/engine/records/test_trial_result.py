"""Which trials are better than which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.engine.records.trial_result import (
    Status,
    TrialResult,
    best,
    pareto_front,
    ranked,
)
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
ACCURACY = Metric("accuracy", "maximize")


def trial(number: int, *values: float | None, status: Status = "finished") -> TrialResult:
    return TrialResult(number, f"t{number}", f"{number:04d}", {}, status, 1, values, 0.0)


def numbers(results: list[TrialResult]) -> list[int]:
    return [result.number for result in results]


def test_the_best_come_first_and_those_without_a_value_last() -> None:
    trials = [
        trial(1, None, status="diverged"),
        trial(2, 0.5),
        trial(3, 0.1, status="failed"),
        trial(4, 0.2, status="stopped"),
        trial(5, 0.2),
    ]
    assert numbers(ranked(trials, [LOSS])) == [4, 5, 2, 1, 3]
    assert numbers(ranked(trials, [ACCURACY])) == [2, 4, 5, 1, 3]
    assert best(trials, [LOSS]) is trials[3]
    assert best(trials[:1], [LOSS]) is None
    assert best([], [LOSS]) is None


def test_without_a_metric_trials_stay_in_their_order() -> None:
    trials = [trial(2), trial(1)]
    assert numbers(ranked(trials, [])) == [1, 2]
    assert best(trials, []) is None


def test_the_front_is_what_no_trial_beats_in_every_metric() -> None:
    trials = [trial(1, 0.1, 0.5), trial(2, 0.2, 0.9), trial(3, 0.3, 0.8), trial(4, 0.1, 0.4)]
    assert numbers(pareto_front(trials, [LOSS, ACCURACY])) == [1, 2]
    assert numbers(ranked(trials, [LOSS, ACCURACY])) == [1, 2, 4, 3]


def test_equal_trials_are_on_the_front_together_and_those_without_a_value_are_not() -> None:
    trials = [trial(1, 0.1, 0.5), trial(2, 0.1, 0.5), trial(3, None, None)]
    trials.append(trial(4, 0.0, 1.0, status="failed"))
    assert numbers(pareto_front(trials, [LOSS, ACCURACY])) == [1, 2]


def test_of_thousands_of_equal_trials_or_of_a_long_front_none_is_compared_with_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0

    class Counted(float):
        def __le__(self, other: float) -> bool:
            nonlocal compared
            compared += 1
            return float.__le__(self, other)

    monkeypatch.setattr(Metric, "sign", property(lambda _: Counted(1)))
    monkeypatch.setattr(Counted, "__mul__", lambda _, value: Counted(value))
    count = 2_000
    equal = [trial(number, 0.0) for number in range(count)]
    assert len(pareto_front(equal, [LOSS])) == count
    line = [trial(number, float(number), float(-number)) for number in range(count)]
    assert len(pareto_front(line, [LOSS, ACCURACY])) == count
    assert 0 < compared <= 4 * count


values = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), min_size=1, max_size=12)


@given(values, st.integers(1, 3))
def test_the_front_of_any_trials_is_by_its_definition(
    points: list[tuple[float, ...]], count: int
) -> None:
    metrics = [LOSS, ACCURACY, Metric("size", "minimize")][:count]
    trials = [trial(number, *point[:count]) for number, point in enumerate(points, start=1)]
    signed = [(a, -b, c)[:count] for a, b, c in points]

    def beaten(point: tuple[float, ...]) -> bool:
        return any(
            other != point and all(x <= y for x, y in zip(other, point, strict=True))
            for other in signed
        )

    expected = [number for number, point in enumerate(signed, start=1) if not beaten(point)]
    assert sorted(numbers(pareto_front(trials, metrics))) == expected
