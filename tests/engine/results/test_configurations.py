"""The configurations of a search whose seeds are replicates, in their order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.engine.results.configurations import Configuration, configurations_of
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import parse_sweep

TEXT = (
    "method: grid\nmetric: {name: loss, goal: GOAL}\n"
    "parameters: {a: {values: [1, 2, 3]}, seed: {values: [5, 6, 7]}}\n"
)


def run(
    number: int, a: int, position: int, value: float | None, status: Status = "finished"
) -> TrialResult:
    values = {"a": a, "seed": 5 + position}
    made = TrialResult(number, f"t{number}", "", values, status, 1, (value,), 1.0)
    return replace(made, replicate=Replicate(a, position))


def found(*runs: TrialResult, goal: str = "minimize") -> list[Configuration]:
    sweep = parse_sweep(TEXT.replace("GOAL", goal), "s.yaml")
    replicates = replicates_of(sweep, "seed", "")
    assert isinstance(replicates, Replicates)
    return configurations_of(runs, sweep.searched(), sweep.metrics, replicates)


def test_they_have_means_deviations_and_counts_without_the_fresh_seeds() -> None:
    best, *_ = found(run(1, 1, 0, 1.0), run(2, 2, 0, 9.0), run(3, 1, 1, 2.0), run(4, 1, 3, 3.0))
    assert (best.number, best.runs.config, best.runs.count) == (1, {"a": 1}, 2)
    assert best.runs.means == (1.5,)
    assert best.runs.deviations == pytest.approx((0.5**0.5,))
    assert [trial.number for trial in best.runs.trials] == [1, 3]
    assert best.confirmation is not None
    assert (best.confirmation.means, best.confirmation.count) == ((3.0,), 1)
    assert best.mean == 3.0


@pytest.mark.parametrize(("goal", "sign"), [("minimize", 1), ("maximize", -1)])
def test_one_lucky_run_does_not_come_before_three_good_ones(goal: str, sign: int) -> None:
    runs = [
        *(run(1 + i, 1, i, sign * value) for i, value in enumerate((1.0, 2.0, 0.0))),
        run(4, 2, 0, sign * 0.9),
        *(run(5 + i, 3, i, sign * value) for i, value in enumerate((6.0, 7.0, 5.5))),
    ]
    assert [each.number for each in found(*runs, goal=goal)] == [1, 2, 3]
    by_mean = sorted(found(*runs, goal=goal), key=lambda each: sign * (each.runs.means[0] or 0))
    assert [each.number for each in by_mean] == [2, 1, 3]


def test_those_with_fresh_seeds_are_ordered_by_them_and_come_first() -> None:
    runs = [run(a, a, 0, float(a)) for a in (1, 2, 3)]
    confirmed = [run(4, 1, 3, 5.0), run(5, 2, 3, 4.0)]
    assert [each.number for each in found(*runs, *confirmed)] == [2, 1, 3]


def test_one_whose_fresh_run_went_wrong_comes_after_those_that_are_confirmed() -> None:
    runs = [run(a, a, 0, float(a)) for a in (1, 2, 3)]
    fresh = [run(4, 1, 3, 0.5), run(5, 1, 4, None, "failed"), run(6, 2, 3, 4.0)]
    assert [each.number for each in found(*runs, *fresh)] == [2, 1, 3]


def test_a_configuration_with_a_failed_or_an_unfinished_run_is_there() -> None:
    runs = [run(1, 1, 0, None, "failed"), run(2, 2, 0, 2.0), run(3, 3, 0, None, "interrupted")]
    assert [each.number for each in found(*runs)] == [2, 1, 3]
    assert [each.mean for each in found(*runs)] == [2.0, None, None]
    assert found() == []


def test_only_runs_that_came_to_their_ends_count() -> None:
    """Those that were stopped, or still run, have a value of an earlier epoch."""
    runs = [
        *(run(1, 1, 0, 2.0), run(2, 1, 1, 9.0, "stopped"), run(3, 1, 2, 0.1, "interrupted")),
        *(run(4, 2, 0, 3.0), run(5, 2, 1, 3.5)),
        *(run(6, 3, 0, 1.0, "stopped"), run(7, 2, 3, 4.0), run(8, 2, 4, 0.1, "interrupted")),
    ]
    second, first, third = found(*runs)
    assert (first.number, first.mean, first.runs.count, first.runs.stopped) == (1, 2.0, 1, 1)
    assert (second.number, second.mean, second.judged_by.count) == (2, 4.0, 1)
    assert (third.number, third.mean, third.runs.count) == (3, None, 0)
    metrics = parse_sweep(TEXT.replace("GOAL", "minimize"), "s.yaml").metrics
    best = second.best_run(metrics)
    assert best is not None
    assert (best.number, third.best_run(metrics)) == (4, None)


def test_those_without_a_whole_run_are_ordered_by_what_they_had() -> None:
    runs = [run(1, 1, 0, 4.0, "stopped"), run(2, 2, 0, 3.0, "stopped"), run(3, 3, 0, 5.0)]
    assert [each.number for each in found(*runs)] == [3, 2, 1]
