"""Multiples of q: exact quantiles, grids and members."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from distribution_examples import distribution_of

from pcsearch.sweeps.distributions.base import (
    Distribution,
)
from pcsearch.sweeps.distributions.continuous import (
    Beta,
    LogNormal,
    LogUniformValues,
    Normal,
    Uniform,
)
from pcsearch.sweeps.distributions.quantised import Quantised


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (Quantised(Uniform(0, 10), 4), 0.5, 4),
        (Quantised(Uniform(0, 10), 4), 0.7, 8),
        (Quantised(Uniform(0, 5), 1), 0.5, 2),
        (Quantised(LogUniformValues(32, 256), 8), 1, 256),
        (Quantised(Normal(0.3, 1), 0.25), 0.5, 0.25),
        (Quantised(Beta(1, 1), 0.1), 0.32, pytest.approx(0.3)),
    ],
    ids=repr,
)
def test_quantile_is(distribution: Distribution, u: float, value: Any) -> None:
    assert distribution.ppf(u) == value


@pytest.mark.parametrize(
    ("distribution", "grid"),
    [
        (Quantised(Uniform(0, 10), 4), [0, 4, 8]),
        (Quantised(Uniform(0, 8), 4), [0, 4]),
        (Quantised(Uniform(0.1, 0.5), 0.1), [0.1, 0.2, 0.3, 0.4]),
        (Quantised(Uniform(1, 1.3), 0.1), [1.0, 1.1, 1.2]),
        (Quantised(Uniform(0.5, 4), 1), [0.5, 1.5, 2.5, 3.5]),
        (Quantised(Uniform(3, 3), 1), [3]),
        (Quantised(Uniform(2, 5)), [2.0, 3.0, 4.0]),
        (Quantised(Uniform(0.0, 4), 2), [0.0, 2.0]),
        (Quantised(Uniform(0, 4.5), 2), [0.0, 2.0, 4.0]),
        (Quantised(Uniform(0.0, 4.5), 2, whole=True), [0, 2, 4]),
        (Quantised(Uniform(0.5, 4), 2, whole=True), [0.5, 2.5]),
        (Quantised(Uniform(0, 4), 2.0, whole=True), [0.0, 2.0]),
    ],
    ids=repr,
)
def test_grid_is(distribution: Distribution, grid: list[Any]) -> None:
    actual = distribution.grid()
    assert actual is not None
    assert repr(list(actual)) == repr(grid)
    assert distribution.grid_size() == len(actual) == len(grid)


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (Quantised(Uniform(0, 10), 5), [3, -5, 15, math.inf, math.nan, True]),
        (Quantised(Normal(), 0.5), [0.3, math.inf]),
    ],
    ids=repr,
)
def test_other_values_are_not_contained(distribution: Distribution, values: list[Any]) -> None:
    assert not any(distribution.contains(value) for value in values)


@pytest.mark.parametrize(
    ("low", "high", "q", "least", "most"),
    [(0.3, 1, 0.5, 0.5, 1.0), (0.2, 1.3, 0.5, 0, 1.5), (1, 10, 4, 0, 8), (1, 11, 4, 0, 12)],
)
def test_rounding_leads_past_the_bounds_as_at_wandb(
    low: float, high: float, q: float, least: float, most: float
) -> None:
    distribution = Quantised(Uniform(low, high), q)
    assert distribution.bounds() == (least, most)
    assert (np.round(np.array([low, high]) / q) * q).tolist() == [least, most]


def test_quantised_values_are_the_decimals_that_were_written() -> None:
    drawn = {Quantised(Uniform(0, 1), 0.1).ppf(u) for u in np.linspace(0, 1, 1001)}
    assert drawn == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}


@pytest.mark.parametrize(
    ("base", "q", "kind"),
    [
        (Uniform(0, 10), 2, int),
        (Uniform(0.0, 10), 2, int),
        (Uniform(0, 10), 2.0, float),
        (LogUniformValues(1.5, 9.5), 1, int),
        (Normal(), 1, int),
        (LogNormal(), 0.5, float),
        (Beta(), 1, int),
    ],
)
def test_values_are_ints_where_q_is_one(base: Any, q: float, kind: type) -> None:
    assert {type(Quantised(base, q).ppf(u)) for u in (0.1, 0.5, 0.9)} == {kind}


def test_q_is_the_float_1_unless_given_as_at_wandb() -> None:
    found = distribution_of({"distribution": "q_log_uniform_values", "min": 16, "max": 64})
    assert repr(found.ppf(0.25)) == "23.0"
    for kind in ("q_normal", "q_log_normal", "q_beta"):
        assert type(distribution_of({"distribution": kind}).ppf(0.5)) is float


def test_grid_of_q_uniform_can_be_sliced_and_indexed_from_its_end() -> None:
    grid = Quantised(Uniform(0, 1), 0.25).grid()
    assert grid is not None
    assert grid[1:3] == [0.25, 0.5]
    assert grid[-1] == 0.75
    with pytest.raises(IndexError):
        grid[4]


def test_huge_grids_of_steps_cost_nothing() -> None:
    steps = Quantised(Uniform(0, 10**300), 3)
    grid = steps.grid()
    assert grid is not None
    assert steps.grid_size() == 10**300 // 3 + 1
    assert grid[10**299] == 3 * 10**299
