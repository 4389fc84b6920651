"""Finite spaces: how many configurations they have, and where each one is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.finite import FiniteSpace, finite_space
from pcsearch.sweeps.sweep import parse_sweep


def space_of(parameters: str) -> FiniteSpace | None:
    return finite_space(parse_sweep(f"method: random\nparameters: {{{parameters}}}\n", "s.yaml"))


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ("a: {value: 1}", 1),
        ("a: {values: [1, 2, 2]}", 2),
        ("a: {values: [1, 1.0, true, '1']}", 4),
        ("a: {values: [1, 2], probabilities: [1, 0]}", 1),
        ("a: {min: 1, max: 3}, b: {values: [x, y]}", 6),
        ("a: {parameters: {b: {values: [1, 2]}, c: {values: [[1], {d: 1}, null]}}}", 6),
        ("a: {min: 1, max: 1000000000}, b: {min: 1, max: 1000000000}", 10**18),
        ("a: {min: 0.5, max: 0.5}", 1),
        ("a: {min: 0.0, max: 1.0}", None),
        ("a: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.5}", None),
        ("a: {values: [1]}, b: {distribution: normal, mu: 0, sigma: 1}", None),
    ],
)
def test_the_different_configurations_are_counted(parameters: str, size: int | None) -> None:
    space = space_of(parameters)
    assert (None if space is None else space.size) == size


def test_a_configuration_is_found_by_its_values_and_their_types() -> None:
    space = space_of("a: {min: 3, max: 5}, b: {parameters: {c: {values: [1, 1.0, [2]]}}}")
    assert space is not None
    assert (space.sizes, space.is_ordered) == ((3, 3), (True, False))
    config = space.config((1, 2))
    assert config == {"a": 4, "b": {"c": [2]}}
    assert space.positions(config) == (1, 2)
    assert space.positions({"a": 4, "b": {"c": 1.0}}) == (1, 1)
    for other in ({"a": 4, "b": {"c": True}}, {"a": 6, "b": {"c": 1}}, {"a": 4.0, "b": {"c": 1}}):
        assert space.positions(other) is None
    # A trial may change its own.
    config["b"]["c"].append(3)
    assert space.config((1, 2))["b"]["c"] == [2]


def test_a_configuration_is_found_where_the_server_made_ints_of_its_floats() -> None:
    space = space_of(
        "a: {values: [1.0, 2.0]}, b: {distribution: q_uniform, min: 7, max: 7}, c: {values: [1, x]}"
    )
    assert space is not None
    assert space.positions({"a": 2, "b": 7, "c": 1.0}) == (1, 0, 0)
    assert space.positions({"a": 2, "b": 7, "c": True}) is None
    both = space_of("a: {values: [x, 1.0, 1]}")
    assert both is not None
    assert [both.positions({"a": each}) for each in (1, 1.0)] == [(2,), (1,)]


@given(st.data())
def test_each_position_is_one_configuration(data: st.DataObject) -> None:
    space = space_of("a: {values: [1, 1.0, true]}, b: {min: -1, max: 1}, c: {value: x}")
    assert space is not None
    at = st.tuples(st.integers(0, 2), st.integers(0, 2), st.just(0))
    one, other = data.draw(at), data.draw(at)
    assert space.positions(space.config(one)) == one
    configs: list[dict[str, Any]] = [space.config(one), space.config(other)]
    assert (identity(configs[0]) == identity(configs[1])) == (one == other)
