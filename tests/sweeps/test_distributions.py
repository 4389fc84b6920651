"""Distributions: quantiles, membership, grids, and draws that follow what is declared."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.sweeps.distributions import (
    BY_NAME,
    LARGEST,
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogUniformValues,
    Normal,
    QUniform,
    Uniform,
)

numbers = st.one_of(
    st.floats(-LARGEST, LARGEST), st.integers(-(10**40), 10**40), st.integers(-20, 20)
)
positive = st.one_of(
    st.floats(0, LARGEST, exclude_min=True), st.integers(1, 10**40), st.integers(1, 20)
)
pairs = st.tuples(numbers, numbers).map(sorted)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()), st.lists
)
numeric_distributions = st.one_of(
    pairs.map(lambda ends: Uniform(*ends)),
    st.tuples(positive, positive).map(sorted).map(lambda ends: LogUniformValues(*ends)),
    st.lists(st.integers(), min_size=2, max_size=2).map(sorted).map(lambda e: IntUniform(*e)),
    st.tuples(pairs, positive).map(lambda args: QUniform(*args[0], args[1])),
    st.tuples(numbers, positive).map(lambda args: Normal(*args)),
)
distributions = st.one_of(
    numeric_distributions,
    plain.map(Constant),
    st.lists(plain, min_size=1).map(tuple).map(Categorical),
)
quantiles = st.one_of(st.floats(0, 1), st.sampled_from([0, 1, 0.0, 1.0, math.nextafter(1, 0)]))


@given(distributions, quantiles)
def test_every_quantile_is_contained(distribution: Distribution, u: float) -> None:
    assert distribution.contains(distribution.ppf(u))


@given(numeric_distributions, quantiles)
def test_quantiles_lie_within_the_bounds(distribution: Distribution, u: float) -> None:
    bounds = distribution.bounds()
    if bounds is not None:
        low, high = map(float, bounds)
        assert low <= float(distribution.ppf(u)) <= high


@given(numeric_distributions, quantiles, quantiles)
def test_quantiles_of_numbers_never_fall(distribution: Distribution, u: float, v: float) -> None:
    low, high = sorted((u, v))
    first, second = distribution.ppf(low), distribution.ppf(high)
    if isinstance(distribution, Normal) and first > second:
        assert first == pytest.approx(second, rel=1e-12)  # its approximation has seams
    else:
        assert first <= second


@given(distributions)
def test_grid_holds_different_values_that_are_contained(distribution: Distribution) -> None:
    grid, size = distribution.grid(), distribution.grid_size()
    assert (grid is None) == (size is None)
    if grid is None or size is None:
        return
    assert size >= 1
    firsts = list(itertools.islice(grid, 20))
    assert len(firsts) == min(size, 20)
    assert len({repr(value) for value in firsts}) == len(firsts) or isinstance(
        distribution, QUniform
    )
    assert all(distribution.contains(value) for value in firsts)
    assert distribution.contains(grid[size - 1])


@given(distributions, quantiles)
def test_values_are_plain_python_ones_also_at_numpys_quantiles(
    distribution: Distribution, u: float
) -> None:
    value = distribution.ppf(np.float64(u))
    assert not isinstance(value, np.generic)
    assert repr(value) == repr(distribution.ppf(u))


@given(distributions)
def test_description_is_one_short_line(distribution: Distribution) -> None:
    text = distribution.describe()
    assert text
    assert text.isprintable()
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (Constant([1, 2]), 0.3, [1, 2]),
        (Categorical(("a", "b", "c", "d")), 0.5, "c"),
        (Categorical(("a", "b")), 1, "b"),
        (Uniform(2, 4), 0.25, 2.5),
        (LogUniformValues(1, 100), 0.5, pytest.approx(10.0)),
        (LogUniformValues(1e-5, 0.1), 0, 1e-5),
        (LogUniformValues(1e-5, 0.1), 1, pytest.approx(0.1)),
        (IntUniform(1, 3), 0, 1),
        (IntUniform(1, 3), 0.34, 2),
        (IntUniform(1, 3), 1, 3),
        (IntUniform(5, 5), 0.7, 5),
        (IntUniform(0, 10**30), 1, 10**30),
        (IntUniform(0, 2**80 - 1), 0.5, 2**79),
        (QUniform(0, 1, 0.1), 0.3, 0.3),
        (QUniform(0, 10, 5), 0.5, 5),
        (QUniform(0, 3), 1, 3),
        (Normal(), 0.5, 0.0),
        (Normal(1, 2), 0.975, pytest.approx(1 + 2 * 1.959964)),
    ],
)
def test_quantile_is(distribution: Distribution, u: float, value: Any) -> None:
    assert distribution.ppf(u) == value


@pytest.mark.parametrize(
    ("distribution", "low", "high"),
    [
        (QUniform(0.3, 1, 0.5), 0.5, 1.0),
        (QUniform(0.2, 1.3, 0.5), 0.0, 1.5),
        (QUniform(1, 10, 4), 0, 8),
        (QUniform(1, 11, 4), 0, 12),
    ],
)
def test_q_uniform_rounds_past_its_bounds_as_wandb_does(
    distribution: QUniform, low: float, high: float
) -> None:
    assert distribution.bounds() == (low, high)
    wandb = np.round(np.array([distribution.min, distribution.max]) / distribution.q)
    assert (wandb * distribution.q).tolist() == [low, high]


def test_q_uniform_gives_the_decimals_that_were_written() -> None:
    drawn = {QUniform(0, 1, 0.1).ppf(u) for u in np.linspace(0, 1, 1001)}
    assert drawn == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}


@pytest.mark.parametrize(
    ("distribution", "kind"),
    [
        (QUniform(0, 10, 2), int),
        (QUniform(0, 10), int),
        (QUniform(0, 10, 2.0), float),
        (QUniform(0.0, 10, 2), float),
    ],
)
def test_q_uniform_gives_ints_only_if_all_its_numbers_are(
    distribution: QUniform, kind: type
) -> None:
    assert type(distribution.ppf(0.5)) is kind
    assert type(distribution.grid()[1]) is kind


@pytest.mark.parametrize(
    ("distribution", "grid"),
    [
        (Constant("x"), ["x"]),
        (Categorical((2, 1, 2, 3, 1)), [2, 1, 3]),
        (IntUniform(-1, 2), [-1, 0, 1, 2]),
        (QUniform(0, 10, 4), [0, 4, 8]),
        (QUniform(0, 8, 4), [0, 4]),
        (QUniform(0.1, 0.5, 0.1), [0.1, 0.2, 0.3, 0.4]),
        (QUniform(1, 1.3, 0.1), [1.0, 1.1, 1.2]),
        (QUniform(3, 3), [3]),
    ],
)
def test_grid_is(distribution: Distribution, grid: list[Any]) -> None:
    actual = distribution.grid()
    assert actual is not None
    assert list(actual) == grid
    assert distribution.grid_size() == len(actual) == len(grid)


def test_grid_of_q_uniform_is_numpys_arange() -> None:
    for low, high, q in [(0, 10, 3), (0.5, 4.5, 0.5), (-2, 2, 0.25), (1, 100, 7)]:
        assert list(QUniform(low, high, q).grid()) == np.arange(low, high, q).tolist()


def test_grid_of_q_uniform_can_be_sliced_and_indexed_from_its_end() -> None:
    grid = QUniform(0, 1, 0.25).grid()
    assert grid[1:3] == [0.25, 0.5]
    assert grid[-1] == 0.75
    with pytest.raises(IndexError):
        grid[4]


def test_values_of_different_types_are_different_categories() -> None:
    grid = Categorical((1, 1.0, True, "1", 1, [1], [True], None)).grid()
    assert [repr(value) for value in grid] == ["1", "1.0", "True", "'1'", "[1]", "[True]", "None"]
    assert Categorical((1,)).contains(1)
    assert not Categorical((1,)).contains(True)
    assert not Constant(1).contains(1.0)
    assert Constant(math.nan).contains(math.nan)


@pytest.mark.parametrize("distribution", [Uniform(0, 1), LogUniformValues(1, 2), Normal()])
def test_continuous_distributions_have_no_grid(distribution: Distribution) -> None:
    assert distribution.grid() is None
    assert distribution.grid_size() is None


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (Uniform(0, 1), [-0.1, 1.1, True, "0.5", None, math.nan]),
        (LogUniformValues(1, 2), [0.9, 2.1, True, math.nan]),
        (IntUniform(0, 5), [-1, 6, 2.0, True, "1"]),
        (QUniform(0, 10, 5), [3, -5, 15, math.inf, math.nan, True]),
        (Normal(), [math.inf, math.nan, True, "0"]),
        (Categorical(("a",)), ["b", None, []]),
    ],
)
def test_other_values_are_not_contained(distribution: Distribution, values: list[Any]) -> None:
    assert not any(distribution.contains(value) for value in values)


def test_huge_whole_numbers_cost_nothing() -> None:
    distribution = IntUniform(-(10**300), 10**300)
    assert distribution.grid_size() == 2 * 10**300 + 1
    assert distribution.grid()[10**300] == 0
    steps = QUniform(0, 10**300, 3)
    assert steps.grid_size() == 10**300 // 3 + 1
    assert steps.grid()[10**299] == 3 * 10**299


def test_distributions_have_wandbs_names() -> None:
    assert sorted(BY_NAME) == [
        "categorical",
        "constant",
        "int_uniform",
        "log_uniform_values",
        "normal",
        "q_uniform",
        "uniform",
    ]


def cdf(distribution: Distribution, x: np.ndarray) -> np.ndarray:
    match distribution:
        case Uniform(low, high):
            return (x - low) / (high - low)
        case LogUniformValues(low, high):
            return np.log(x / low) / np.log(high / low)
        case Normal(mu, sigma):
            return np.array([0.5 * math.erfc((mu - each) / (sigma * math.sqrt(2))) for each in x])
    raise AssertionError


@pytest.mark.parametrize(
    "distribution", [Uniform(-3, 5), LogUniformValues(1e-5, 0.1), Normal(2, 0.5)]
)
def test_draws_follow_the_declared_distribution(distribution: Distribution) -> None:
    count = 4000
    quantiles = np.random.default_rng(0).random(count)
    expected = cdf(distribution, np.sort([distribution.ppf(u) for u in quantiles]))
    steps = np.arange(count + 1) / count
    distance = max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))
    assert distance < 1.63 / math.sqrt(count)  # Kolmogorov and Smirnov's bound at 1 %


@pytest.mark.parametrize(
    ("distribution", "shares"),
    [
        (IntUniform(1, 4), {1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25}),
        (Categorical(("a", "b", "a")), {"a": 2 / 3, "b": 1 / 3}),
        (QUniform(0, 2), {0: 0.25, 1: 0.5, 2: 0.25}),
    ],
)
def test_draws_have_the_declared_shares(
    distribution: Distribution, shares: dict[Any, float]
) -> None:
    count = 4000
    drawn = [distribution.ppf(u) for u in np.random.default_rng(1).random(count)]
    for value, share in shares.items():
        deviation = math.sqrt(share * (1 - share) / count)
        assert abs(drawn.count(value) / count - share) < 3 * deviation
    assert set(drawn) == set(shares)
