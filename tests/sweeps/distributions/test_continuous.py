"""Ranges of real numbers: exact quantiles, grids and members."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pcsearch.sweeps.distributions.base import (
    Distribution,
)
from pcsearch.sweeps.distributions.continuous import (
    Beta,
    InvLogUniform,
    InvLogUniformValues,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Normal,
    Uniform,
)


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (Uniform(2, 4), 0.25, 2.5),
        (LogUniformValues(1, 100), 0.5, pytest.approx(10.0)),
        (LogUniformValues(1e-5, 0.1), 0, 1e-5),
        (LogUniformValues(1e-5, 0.1), 1, 0.1),
        (LogUniform(-2, 4), 0.5, math.e),
        (LogUniform(-2, 4), 0, math.exp(-2)),
        (InvLogUniform(2, 4), 0, math.exp(-4)),
        (InvLogUniform(2, 4), 0.5, pytest.approx(math.exp(-3))),
        (InvLogUniform(2, 4), 1, math.exp(-2)),
        (InvLogUniformValues(1, 100), 0.5, pytest.approx(10.0)),
        (Normal(2, 3), 0.5, 2.0),
        (LogNormal(0, 1), 0.5, 1.0),
        (LogNormal(2, 1), 0.5, math.exp(2)),
        (Beta(1, 1), 0.3, pytest.approx(0.3)),
        (Beta(3, 3), 0.5, pytest.approx(0.5)),
    ],
    ids=repr,
)
def test_quantile_is(distribution: Distribution, u: float, value: Any) -> None:
    assert distribution.ppf(u) == value


@pytest.mark.parametrize(
    ("distribution", "grid"),
    [
        (Uniform(3, 3), [3.0]),
        (LogUniformValues(0.1, 0.1), [0.1]),
        (LogUniform(0, 0), [1.0]),
    ],
    ids=repr,
)
def test_grid_is(distribution: Distribution, grid: list[Any]) -> None:
    actual = distribution.grid()
    assert actual is not None
    assert list(actual) == grid
    assert distribution.grid_size() == len(actual) == len(grid)


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (Uniform(0, 1), [-0.1, 1.1, True, "0.5", None, math.nan]),
        (LogUniformValues(1, 2), [0.9, 2.1, True, math.nan]),
        (LogUniform(0, 1), [0.9, 2.8]),
        (InvLogUniform(0, 1), [0.3, 1.1]),
        (Normal(), [math.inf, math.nan, True, "0"]),
        (LogNormal(), [-0.1, math.inf]),
        (Beta(), [-0.1, 1.1]),
    ],
    ids=repr,
)
def test_other_values_are_not_contained(distribution: Distribution, values: list[Any]) -> None:
    assert not any(distribution.contains(value) for value in values)


@pytest.mark.parametrize("distribution", [Uniform(0, 1), LogUniformValues(1, 2), Normal(), Beta()])
def test_ranges_have_no_grid(distribution: Distribution) -> None:
    assert distribution.grid() is None
    assert distribution.grid_size() is None
