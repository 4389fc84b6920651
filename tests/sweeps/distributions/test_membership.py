"""Values among those that a distribution has."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.distributions import membership
from pcsearch.sweeps.distributions.continuous import Uniform
from pcsearch.sweeps.distributions.discrete import Categorical, Constant, IntUniform
from pcsearch.sweeps.distributions.membership import NoValue, ValueIndex, own_value
from pcsearch.sweeps.distributions.quantised import Quantised


def test_the_same_value_is_found_before_one_that_only_looks_so() -> None:
    found_at = ValueIndex([True, 1.0, 1, "1", [1, {"a": None}]])
    found = [found_at.of(each) for each in (True, 1.0, 1, "1", [1.0, {"a": None}], 2)]
    assert found == [0, 1, 2, 3, 4, None]
    assert ValueIndex([2.0]).of(2) == 0


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


@pytest.mark.parametrize(
    ("value", "own"),
    [(5, "5.0"), (2.00000001, "2.00000001"), (2.000000001, None), (10.0, None), (True, None)],
)
def test_a_value_of_a_fine_grid_is_found_without_a_list_of_all(
    value: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of a thousand million numbers would fill the memory."""
    monkeypatch.setattr(membership, "ValueIndex", lambda _: pytest.fail("the numbers are listed"))
    found = own_value(Quantised(Uniform(0.0, 10.0), q=1e-8), is_grid=True)(value)
    assert (found is NoValue) if own is None else (repr(found) == own)
