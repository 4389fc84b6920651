"""Trials that differ in the seed only, as one row."""

from __future__ import annotations

import math

import pytest

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.groups import grouped
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep(
    "method: grid\nparameters:\n  seed: {values: [1, 2, 3]}\n  x: {values: [1, 1.5, true]}\n"
    "  a: {value: 7}\n",
    "s.yaml",
)
LOSS = Metric("loss", "minimize")


def trial(number: int, seed: int, x: object, *values: float | None) -> TrialResult:
    status = "finished" if None not in values else "diverged"
    return TrialResult(number, f"t{number}", "", {"seed": seed, "x": x}, status, 1, values, 1.0)


def test_a_group_has_means_deviations_and_counts() -> None:
    trials = [
        trial(1, 1, 1, 0.5),
        trial(2, 2, 1, 0.7),
        trial(3, 1, 1.5, 0.2),
        trial(4, 2, 1.5, None),
        trial(5, 1, True, None),
        # Its values are lost: nobody knows which group it is in.
        TrialResult(6, "t6", "", {}, "finished", 1, (0.1,), 1.0),
    ]
    groups = grouped(trials, SWEEP.searched(), [LOSS], ["seed"])
    assert [group.config for group in groups] == [{"x": 1.5}, {"x": 1}, {"x": True}]
    assert [group.means for group in groups] == [(0.2,), (pytest.approx(0.6),), (None,)]
    assert [group.deviations for group in groups] == [
        (None,),
        (pytest.approx(0.1 * 2**0.5),),
        (None,),
    ]
    assert [group.count for group in groups] == [1, 2, 0]
    assert [[each.number for each in group.trials] for group in groups] == [[3, 4], [1, 2], [5]]


def test_the_greatest_mean_is_first_where_more_is_better() -> None:
    metrics = [Metric("accuracy", "maximize"), LOSS]
    trials = [trial(1, 1, 1, 0.5, 1.0), trial(2, 1, 1.5, 0.9, 2.0), trial(3, 2, 1.5, 0.7, 4.0)]
    groups = grouped(trials, SWEEP.searched(), metrics, ["seed"])
    assert [group.means for group in groups] == [(pytest.approx(0.8), 3.0), (0.5, 1.0)]


def test_only_what_is_searched_can_be_left_out() -> None:
    with pytest.raises(PcsearchError) as raised:
        grouped([], SWEEP.searched(), [LOSS], ["sed", "a"])
    assert [str(problem) for problem in raised.value.problems] == [
        "--by: 'sed' is not searched; did you mean 'seed'?",
        "--by: 'a' is not searched; did you mean 'x'?".replace("; did you mean 'x'?", ""),
    ]


def test_a_group_of_huge_values_has_a_mean() -> None:
    trials = [
        *(trial(1, 1, 1, 1e308), trial(2, 2, 1, 1e308)),
        *(trial(3, 1, 1.5, 1.7e308), trial(4, 2, 1.5, -1.7e308)),
    ]
    groups = grouped(trials, SWEEP.searched(), [LOSS], ["seed"])
    assert [group.means for group in groups] == [(0.0,), (1e308,)]
    assert [group.deviations for group in groups] == [(math.inf,), (0.0,)]
