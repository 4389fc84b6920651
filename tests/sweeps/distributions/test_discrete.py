"""Constants, categories and whole numbers: exact quantiles, grids and members."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pcsearch.sweeps.distributions.base import (
    Distribution,
    FloatAxis,
)
from pcsearch.sweeps.distributions.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
)


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (Constant([1, 2]), 0.3, [1, 2]),
        (Categorical(("a", "b", "c", "d")), 0.5, "c"),
        (Categorical(("a", "b")), 1, "b"),
        (WeightedCategorical(("a", "b", "c"), (0.5, 0.3, 0.2)), 0.5, "b"),
        (WeightedCategorical(("a", "b", "c"), (0.5, 0.3, 0.2)), 0.79, "b"),
        (WeightedCategorical(("a", "b", "c"), (0.5, 0.45, 0.05)), 0.93, "b"),
        (WeightedCategorical(("a", "b"), (0, 1)), 0, "b"),
        (WeightedCategorical(("a", "b"), (1, 0)), 1, "a"),
        (IntUniform(1, 3), 0, 1),
        (IntUniform(1, 3), 0.34, 2),
        (IntUniform(1, 3), 1, 3),
        (IntUniform(5, 5), 0.7, 5),
        (IntUniform(0, 10**30), 1, 10**30),
    ],
    ids=repr,
)
def test_quantile_is(distribution: Distribution, u: float, value: Any) -> None:
    assert distribution.ppf(u) == value


@pytest.mark.parametrize(
    ("distribution", "grid"),
    [
        (Constant("x"), ["x"]),
        (Categorical((2, 1, 2, 3, 1)), [2, 1, 3]),
        (Categorical(("b", "a", "b")), ["b", "a"]),
        (Categorical(([1], {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1])), [[1], {"a": 1, "b": 2}]),
        (IntUniform(-1, 2), [-1, 0, 1, 2]),
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
        (IntUniform(0, 5), [-1, 6, 2.0, True, "1"]),
        (Categorical(("a",)), ["b", None, []]),
        (WeightedCategorical(("a", "b"), (1, 0)), ["b", "c"]),
    ],
    ids=repr,
)
def test_other_values_are_not_contained(distribution: Distribution, values: list[Any]) -> None:
    assert not any(distribution.contains(value) for value in values)


def test_grid_has_values_that_are_equal_in_python_but_of_different_types() -> None:
    grid = Categorical((1, 2, 1.0, True, 1, "1", 1.0, [1], [1.0], [True], [1], None)).grid()
    expected = ["1", "2", "1.0", "True", "'1'", "[1]", "[1.0]", "[True]", "None"]
    assert [repr(value) for value in grid] == expected


def test_values_of_different_types_are_different_categories() -> None:
    assert Categorical((1,)).contains(1)
    assert not Categorical((1,)).contains(True)
    assert not Categorical(([1],)).contains([True])
    assert not Constant(1).contains(1.0)
    assert Constant(math.nan).contains(math.nan)
    assert Constant({"a": 1, "b": 2}).contains({"b": 2, "a": 1})
    assert not Constant({"a": 1}).contains({"a": True})


def test_distributions_of_different_values_are_not_equal() -> None:
    assert Constant(1) != Constant(True)
    assert Categorical((1, 2)) != Categorical((1.0, 2))
    assert Categorical((1, 2)) != Categorical((2, 1))
    assert Categorical(("a",)) != WeightedCategorical(("a",), (1.0,))
    assert Constant(math.nan) == Constant(float("nan"))
    assert Constant({"a": 1, "b": 2}) == Constant({"b": 2, "a": 1})
    assert len({Constant([1]), Constant([1]), Constant([2])}) == 2


def test_huge_whole_numbers_cost_nothing() -> None:
    distribution = IntUniform(-(10**300), 10**300)
    assert distribution.grid_size() == 2 * 10**300 + 1
    assert distribution.grid()[10**300] == 0
    assert isinstance(distribution.axis(), FloatAxis)
