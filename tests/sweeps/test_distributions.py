"""The exact values, grids and members of each distribution, and numbers of any size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from distribution_examples import DISTRIBUTIONS, EXAMPLES, IDS, made
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.distributions.base import (
    LARGEST,
    SHAPES,
    Continuous,
    Distribution,
    FloatAxis,
    is_number,
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
from pcsearch.sweeps.distributions.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
)
from pcsearch.sweeps.distributions.quantised import Quantised


def test_every_kind_of_wandb_has_examples() -> None:
    assert EXAMPLES.keys() == set(registry.KINDS)
    assert len(registry.KINDS) == 18
    for name, distribution in zip(IDS, DISTRIBUTIONS, strict=True):
        assert distribution.kind == name.rsplit("-", 1)[0]


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
        (IntUniform(1, 3), 0, 1),
        (IntUniform(1, 3), 0.34, 2),
        (IntUniform(1, 3), 1, 3),
        (IntUniform(5, 5), 0.7, 5),
        (IntUniform(0, 10**30), 1, 10**30),
        (Normal(2, 3), 0.5, 2.0),
        (LogNormal(0, 1), 0.5, 1.0),
        (LogNormal(2, 1), 0.5, math.exp(2)),
        (Beta(1, 1), 0.3, pytest.approx(0.3)),
        (Beta(3, 3), 0.5, pytest.approx(0.5)),
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


def test_q_is_the_int_1_unless_given() -> None:
    assert made({"distribution": "q_normal"}) == Quantised(Normal(0, 1), 1)
    assert type(made({"distribution": "q_uniform", "min": 0, "max": 9}).ppf(0.5)) is int


@pytest.mark.parametrize(
    ("distribution", "grid"),
    [
        (Constant("x"), ["x"]),
        (Categorical((2, 1, 2, 3, 1)), [2, 1, 3]),
        (Categorical(("b", "a", "b")), ["b", "a"]),
        (Categorical(([1], {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1])), [[1], {"a": 1, "b": 2}]),
        (IntUniform(-1, 2), [-1, 0, 1, 2]),
        (Quantised(Uniform(0, 10), 4), [0, 4, 8]),
        (Quantised(Uniform(0, 8), 4), [0, 4]),
        (Quantised(Uniform(0.1, 0.5), 0.1), [0.1, 0.2, 0.3, 0.4]),
        (Quantised(Uniform(1, 1.3), 0.1), [1.0, 1.1, 1.2]),
        (Quantised(Uniform(0.5, 4), 1), [0.5, 1.5, 2.5, 3.5]),
        (Quantised(Uniform(3, 3), 1), [3]),
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


def test_grid_of_q_uniform_can_be_sliced_and_indexed_from_its_end() -> None:
    grid = Quantised(Uniform(0, 1), 0.25).grid()
    assert grid is not None
    assert grid[1:3] == [0.25, 0.5]
    assert grid[-1] == 0.75
    with pytest.raises(IndexError):
        grid[4]


def test_grid_takes_1_and_a_float_1_for_one_value_of_the_last_type() -> None:
    grid = Categorical((1, 2, 1.0, True, "1", [1], [1.0], [True], None)).grid()
    expected = ["1.0", "2", "True", "'1'", "[1]", "[1.0]", "[True]", "None"]
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


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (Uniform(0, 1), [-0.1, 1.1, True, "0.5", None, math.nan]),
        (LogUniformValues(1, 2), [0.9, 2.1, True, math.nan]),
        (LogUniform(0, 1), [0.9, 2.8]),
        (InvLogUniform(0, 1), [0.3, 1.1]),
        (IntUniform(0, 5), [-1, 6, 2.0, True, "1"]),
        (Quantised(Uniform(0, 10), 5), [3, -5, 15, math.inf, math.nan, True]),
        (Quantised(Normal(), 0.5), [0.3, math.inf]),
        (Normal(), [math.inf, math.nan, True, "0"]),
        (LogNormal(), [-0.1, math.inf]),
        (Beta(), [-0.1, 1.1]),
        (Categorical(("a",)), ["b", None, []]),
        (WeightedCategorical(("a", "b"), (1, 0)), ["b", "c"]),
    ],
    ids=repr,
)
def test_other_values_are_not_contained(distribution: Distribution, values: list[Any]) -> None:
    assert not any(distribution.contains(value) for value in values)


@pytest.mark.parametrize("distribution", [Uniform(0, 1), LogUniformValues(1, 2), Normal(), Beta()])
def test_ranges_have_no_grid(distribution: Distribution) -> None:
    assert distribution.grid() is None
    assert distribution.grid_size() is None


def test_huge_whole_numbers_cost_nothing() -> None:
    distribution = IntUniform(-(10**300), 10**300)
    assert distribution.grid_size() == 2 * 10**300 + 1
    assert distribution.grid()[10**300] == 0
    assert isinstance(distribution.axis(), FloatAxis)
    steps = Quantised(Uniform(0, 10**300), 3)
    grid = steps.grid()
    assert grid is not None
    assert steps.grid_size() == 10**300 // 3 + 1
    assert grid[10**299] == 3 * 10**299


numbers = st.one_of(
    st.floats(-LARGEST, LARGEST), st.integers(-(10**40), 10**40), st.integers(-20, 20)
)
positive = st.one_of(
    st.floats(0, LARGEST, exclude_min=True), st.integers(1, 10**40), st.integers(1, 20)
)
pairs = st.tuples(numbers, numbers).map(sorted)
exponents = st.tuples(st.floats(-690, 690), st.floats(-690, 690)).map(sorted)
shapes = st.one_of(st.floats(*SHAPES), st.integers(1, 10**6), st.integers(1, 20))
bases = st.one_of(
    pairs.map(lambda ends: Uniform(*ends)),
    st.tuples(positive, positive).map(sorted).map(lambda ends: LogUniformValues(*ends)),
    exponents.map(lambda ends: LogUniform(*ends)),
    st.tuples(numbers, positive).map(lambda given: Normal(*given)),
    st.tuples(st.floats(-300, 300), st.floats(0.001, 40)).map(lambda given: LogNormal(*given)),
    st.tuples(shapes, shapes).map(lambda given: Beta(*given)),
)
numeric = st.one_of(
    bases,
    exponents.map(lambda ends: InvLogUniform(*ends)),
    st.tuples(positive, positive).map(sorted).map(lambda ends: InvLogUniformValues(*ends)),
    st.lists(st.integers(), min_size=2, max_size=2).map(sorted).map(lambda e: IntUniform(*e)),
    st.tuples(bases, positive).map(lambda given: Quantised(*given)),
)
quantiles = st.one_of(st.floats(0, 1), st.sampled_from([0, 1, 0.0, 1.0, math.nextafter(1, 0)]))


@settings(deadline=None)
@given(numeric, quantiles, quantiles)
def test_numbers_of_any_size_are_drawn_within_the_support(
    distribution: Distribution, u: float, v: float
) -> None:
    values = [distribution.ppf(each) for each in sorted((u, v))]
    assert all(is_number(value) and distribution.contains(value) for value in values)
    if not isinstance(getattr(distribution, "base", distribution), Normal | LogNormal | Beta):
        assert values[0] <= values[1]
    # A bound beyond 2^53 may lie between two floats.
    real = isinstance(distribution, Continuous)
    bounds = distribution.support() if real else distribution.bounds()
    assert bounds is None or all(bounds[0] <= value <= bounds[1] for value in values)


@settings(deadline=None)
@given(numeric)
def test_numbers_of_any_size_are_described_and_printed(distribution: Distribution) -> None:
    assert distribution.describe().isprintable()
    assert len(distribution.describe()) < 1000
    again = made(yaml.safe_load(yaml.safe_dump(distribution.spec())))
    assert repr(again) == repr(distribution)
