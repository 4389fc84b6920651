"""Values among those that a distribution has."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.distributions.discrete import Categorical, Constant, IntUniform
from pcsearch.sweeps.distributions.places import NoValue, Places, own_value


def test_the_same_value_is_found_before_one_that_only_looks_so() -> None:
    places = Places([True, 1.0, 1, "1", [1, {"a": None}]])
    found = [places.of(each) for each in (True, 1.0, 1, "1", [1.0, {"a": None}], 2)]
    assert found == [0, 1, 2, 3, 4, None]
    assert Places([2.0]).of(2) == 0


@pytest.mark.parametrize(
    ("distribution", "value", "own"),
    [
        (Constant(3), 3.0, "3"),
        (Categorical((1, "x")), "x", "'x'"),
        (Categorical((1, "x")), "y", None),
        (IntUniform(1, 2**60), 2**59, str(2**59)),
        (IntUniform(1, 5), 5.0, "5"),
        (IntUniform(1, 5), 6, None),
        (IntUniform(1, 5), "5", None),
    ],
)
def test_a_value_is_that_of_the_distribution(distribution: Any, value: Any, own: Any) -> None:
    for is_grid in (True, False):
        found = own_value(distribution, is_grid=is_grid)(value)
        assert (found is NoValue) if own is None else (repr(found) == own)
