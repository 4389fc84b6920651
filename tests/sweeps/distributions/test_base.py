"""The contract that every distribution keeps."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest
import yaml
from distribution_examples import DISTRIBUTIONS, IDS, distribution_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.sweeps.distributions.base import (
    LARGEST,
    SHAPES,
    ChoiceAxis,
    Continuous,
    Distribution,
    FloatAxis,
    IntAxis,
    is_number,
    same,
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

POINTS = 2_000
QUANTILES = [0, 0.0, 1e-300, 1e-9, *np.linspace(0.001, 0.999, 99).tolist(), 1 - 1e-9, 1.0, 1]


def rises(distribution: Distribution, values: list[Any]) -> bool:
    """Whether numbers never fall; the approximation of a normal quantile has tiny seams."""
    if isinstance(distribution, Normal | LogNormal):
        return all(b >= a - 1e-12 * abs(a) for a, b in itertools.pairwise(values))
    return all(b >= a for a, b in itertools.pairwise(values))


@pytest.fixture(params=DISTRIBUTIONS, ids=IDS)
def distribution(request: pytest.FixtureRequest) -> Distribution:
    return request.param


class TestContract:
    """What a searcher, the plan and the files rely on, whatever the distribution."""

    def test_every_quantile_is_contained(self, distribution: Distribution) -> None:
        assert all(distribution.contains(distribution.ppf(u)) for u in QUANTILES)

    def test_quantiles_of_numbers_rise(self, distribution: Distribution) -> None:
        values = [distribution.ppf(u) for u in QUANTILES]
        if not isinstance(distribution, Constant | Categorical | WeightedCategorical):
            assert rises(distribution, values)

    def test_quantiles_lie_within_the_bounds(self, distribution: Distribution) -> None:
        bounds = distribution.bounds()
        if bounds is not None:
            low, high = bounds
            assert all(low <= distribution.ppf(u) <= high for u in QUANTILES)

    def test_values_are_plain_python_ones_whatever_the_quantile_is(
        self, distribution: Distribution
    ) -> None:
        for u in QUANTILES:
            value = distribution.ppf(np.float64(u))
            assert not isinstance(value, np.generic)
            assert same(value, distribution.ppf(u))

    def test_numbers_have_one_type(self, distribution: Distribution) -> None:
        values = [distribution.ppf(u) for u in QUANTILES]
        if not isinstance(distribution, Categorical | WeightedCategorical):
            assert len({type(value) for value in values}) == 1

    def test_spec_is_read_back_as_an_equal_distribution(self, distribution: Distribution) -> None:
        again = distribution_of(yaml.safe_load(yaml.safe_dump(distribution.spec())))
        assert again == distribution
        assert repr(again) == repr(distribution)

    def test_description_is_one_line_in_words(self, distribution: Distribution) -> None:
        text = distribution.describe()
        assert text.isprintable()
        assert 0 < len(text) < 200
        assert "Distribution" not in text
        assert "None" not in text

    def test_both_ends_of_the_axis_are_in_the_support(self, distribution: Distribution) -> None:
        match distribution.axis():
            case FloatAxis(low, high) | IntAxis(low, high):
                assert distribution.contains(distribution.at(low))
                assert distribution.contains(distribution.at(high))
            case ChoiceAxis(count):
                assert count > 1
                assert all(distribution.contains(distribution.at(i)) for i in range(count))
            case None:
                assert len({repr(distribution.ppf(u)) for u in QUANTILES}) == 1

    def test_points_of_the_axis_are_in_the_support(self, distribution: Distribution) -> None:
        random = np.random.default_rng(0)
        match distribution.axis():
            case FloatAxis(low, high, log):
                shares = random.random(POINTS)
                if log:
                    points = np.exp(np.log(low) + shares * (np.log(high) - np.log(low)))
                else:
                    points = low + shares * (high - low) if high - low < LARGEST else shares * high
            case IntAxis(low, high):
                points = random.integers(low, high, POINTS, endpoint=True)
            case _:
                return
        assert all(distribution.contains(distribution.at(point)) for point in points.tolist())

    def test_draws_are_seeded(self, distribution: Distribution) -> None:
        first, second = np.random.default_rng(7), np.random.default_rng(7)
        drawn = [distribution.sample(first) for _ in range(20)]
        assert all(same(value, distribution.sample(second)) for value in drawn)
        assert all(distribution.contains(value) for value in drawn)

    def test_grid_holds_different_values_that_are_contained(
        self, distribution: Distribution
    ) -> None:
        grid, size = distribution.grid(), distribution.grid_size()
        assert (grid is None) == (size is None)
        if grid is None or size is None:
            return
        firsts = list(itertools.islice(grid, 50))
        assert len(firsts) == min(size, 50) >= 1
        assert len({repr(value) for value in firsts}) == len(firsts)
        assert all(distribution.contains(value) for value in [*firsts, grid[size - 1]])

    def test_distribution_is_a_value(self, distribution: Distribution) -> None:
        copied = pickle.loads(pickle.dumps(distribution))  # noqa: S301
        assert copied == distribution
        assert copied is not distribution

    def test_what_is_no_plain_value_of_it_is_not_contained(
        self, distribution: Distribution
    ) -> None:
        others = ["0.5x", [], (), math.nan, math.inf, object(), 10**400, -(10**400)]
        assert not any(distribution.contains(value) for value in others)
        if not isinstance(distribution, Categorical):
            assert not distribution.contains(True)


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
    again = distribution_of(yaml.safe_load(yaml.safe_dump(distribution.spec())))
    assert repr(again) == repr(distribution)
