"""A value of every distribution is found on its axis again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from distribution_examples import DISTRIBUTIONS, IDS, distribution_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.sweeps.distributions.base import ChoiceAxis, Distribution, FloatAxis, IntAxis
from pcsearch.sweeps.distributions.locate import close, locate


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=IDS)
@settings(max_examples=50)
@given(u=st.floats(0, 1))
def test_a_value_is_found_on_the_axis_that_it_was_taken_from(
    distribution: Distribution, u: float
) -> None:
    axis = distribution.axis()
    if axis is None:
        assert locate(distribution, distribution.ppf(u)) is None
        return
    if isinstance(axis, ChoiceAxis):
        value = distribution.at(min(int(u * axis.count), axis.count - 1))
    elif isinstance(axis, IntAxis):
        value = distribution.at(axis.low + round(u * (axis.high - axis.low)))
    else:
        value = distribution.at(min(max(axis.low, distribution_point(axis, u)), axis.high))
    found = locate(distribution, value)
    assert found is not None
    assert close(distribution.at(found), value)


def distribution_point(axis: FloatAxis, u: float) -> float:
    if axis.log:
        return math.exp(math.log(axis.low) * (1 - u) + math.log(axis.high) * u)
    return axis.low * (1 - u) + axis.high * u


@pytest.mark.parametrize(
    ("values", "value", "index"),
    [
        ([2.0, 1.0], 1, 1),
        ([2, 1], 1.0, 1),
        (["x", 1.0, 1, 1], 1, 2),
        ([True, 1.0], 1, 1),
        ([[1.0, {"a": 2}], [1, {"a": 2.0}]], [1, {"a": 2.0}], 1),
        ([[0], [1.0, {"a": 2.0}]], [1, {"a": 2}], 1),
    ],
)
def test_a_number_that_the_server_has_changed_is_found(
    values: list[Any], value: Any, index: int
) -> None:
    """It may make 1 of 1.0; the same value counts first."""
    assert locate(distribution_of({"values": values}), value) == index
    chances = [0.5 / (len(values) - 1)] * len(values)
    chances[index] = 0.5
    weighted = distribution_of({"values": values, "probabilities": chances})
    point = locate(weighted, value)
    assert point is not None
    assert repr(weighted.ppf(point)) == repr(values[index])


@pytest.mark.parametrize(
    ("case", "value"),
    [
        ({"min": 0.0, "max": 1.0}, 1.5),
        ({"min": 0.0, "max": 1.0}, "0.5"),
        ({"min": 0.0, "max": 1.0}, None),
        ({"min": 0.0, "max": 1.0}, math.nan),
        ({"min": 0, "max": 10}, 2.5),
        ({"values": [1, "a"]}, True),
        ({"values": [1, "a"]}, "b"),
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2}, 3),
        ({"distribution": "q_normal", "mu": 0, "sigma": 3, "q": 1}, 0.5),
    ],
)
def test_a_value_that_cannot_be_drawn_is_found_nowhere(case: dict[str, Any], value: Any) -> None:
    assert locate(distribution_of(case), value) is None
