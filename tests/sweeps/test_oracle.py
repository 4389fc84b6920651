"""The same quantiles and grids as W&B's own implementation.

Where they differ, on purpose:

=========================================  =======================  ===========================
what                                       W&B                      here
=========================================  =======================  ===========================
q_uniform and others of decimal q          0.30000000000000004      0.3
a q_uniform grid of decimal q              may include max          never includes max
the quantile 0 of whole numbers            min - 1                  min
the quantile 0 of categories               the last                 the first
the quantile 1 of weighted categories      the first                the last that has a chance
a quantile on the border of two values     the lower one            the higher one
whole numbers beyond 64 bits               overflow                 exact
1 and 1.0 in one grid                      two values (one in 0.3)  two values
min equal to max                           refused                  a constant
sigma 0                                    quantiles are nan        refused
=========================================  =======================  ===========================
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracle
import pytest
import yaml
from distribution_examples import EXAMPLES, distribution_of, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.sweeps.configurations import Grid
from pcsearch.sweeps.sweep import parse_sweep

# None of them is on the border of two values of an example.
QUANTILES = [1e-9, 1e-4, *(np.arange(1, 400) / 400 + 1e-5 / math.pi).tolist(), 1 - 1e-9]
MOST = 300
UNNAMED = ("constant", "categorical", "categorical_w_probabilities", "int_uniform", "uniform")


def is_a_range(arguments: dict[str, Any]) -> bool:
    """Whether W&B accepts the bounds, if there are any."""
    return "min" not in arguments or arguments["min"] < arguments["max"]


ENTRIES = [
    entry(kind, arguments)
    for kind, examples in EXAMPLES.items()
    for arguments in examples
    if is_a_range(arguments)
] + [arguments for kind in UNNAMED for arguments in EXAMPLES[kind] if is_a_range(arguments)]


@pytest.mark.parametrize("given", ENTRIES, ids=str)
def test_quantiles_are_wandbs(given: dict[str, Any]) -> None:
    distribution = distribution_of(given)
    for u, theirs in zip(QUANTILES, oracle.quantiles_of(given, QUANTILES), strict=True):
        ours = distribution.ppf(u)
        assert type(ours) is type(theirs)
        if isinstance(theirs, float):
            # Between two multiples of q, which of them is nearer may hang on the last digit.
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12), u
        else:
            assert repr(ours) == repr(theirs), u


def grid(parameters: dict[str, Any], most: int = MOST) -> list[dict[str, Any]]:
    text = yaml.safe_dump({"method": "grid", "parameters": parameters}, sort_keys=False)
    found = Grid(parse_sweep(text, "sweep.yaml"))
    return [found.config(index) for index in range(min(found.size, most))]


def listed(values: list[Any]) -> dict[str, Any]:
    return {"values": values}


GRIDS: dict[str, dict[str, Any]] = {
    "one": {"a": listed([1, 2, 3])},
    "names sorted": {"b": listed([1, 2]), "B": listed([3, 4]), "_a": listed([5, 6])},
    "constants": {"a": {"value": [1, {"b": None}]}, "b": listed(["x", "y"]), "c": {"value": 0}},
    "only constants": {"a": {"value": 1}, "b": {"value": None}},
    "hyphens and dots": {
        "lr-max": listed([1, 2]),
        "lr": listed([3, 4]),
        "lr.max": listed([5, 6]),
        "lr_max": listed([7, 8]),
    },
    "nested": {
        "optimizer": {"parameters": {"name": listed(["adam", "sgd"]), "lr": listed([0.1, 0.2])}},
        "a": listed([1, 2]),
        "z": {"parameters": {"y": {"parameters": {"x": {"min": 1, "max": 3}}}}},
    },
    "nested beside dotted": {
        "opt": {"parameters": {"b": listed([1, 2]), "c": listed([3, 4])}},
        "opt-x": listed([5, 6]),
        "opt.a": listed([7, 8]),
        "op": listed([9, 0]),
    },
    "whole numbers": {"i": {"min": -1, "max": 2}, "j": {"min": 5, "max": 7}},
    "q_uniform of ints": {"q": {"distribution": "q_uniform", "min": 0, "max": 10, "q": 3}},
    "q_uniform of floats": {"q": {"distribution": "q_uniform", "min": 0.5, "max": 4, "q": 0.25}},
    "q_uniform without q": {"q": {"distribution": "q_uniform", "min": 2, "max": 5}},
    "q_uniform that ends before max": {
        "q": {"distribution": "q_uniform", "min": 0, "max": 8, "q": 4}
    },
    "duplicates": {"a": listed(["x", "y", "x", "z", "y"]), "b": listed([1, 1, 2])},
    "mixed types": {"a": listed([1, "1", True, "true", None, "null", 1.5, "1.5", ""])},
    "equal in Python": {"a": listed([1, 1.0, True, 1, 1.0, 0, False, [1], [1.0]])},
    "q_uniform with a float among ints": {
        "a": {"distribution": "q_uniform", "min": 0.0, "max": 4, "q": 2},
        "b": {"distribution": "q_uniform", "min": 0, "max": 4.0, "q": 2},
        "c": {"distribution": "q_uniform", "min": 0, "max": 4, "q": 2.0},
    },
    "null alone": {"a": listed([None]), "b": listed([0, None])},
    "lists": {"a": listed([[1, 2], [2, 1], [], [[1]], [1, 2]])},
    "mappings": {"a": listed([{"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 2}, {}])},
    "more than are asked for": {f"p{i}": {"min": 0, "max": 9} for i in range(4)},
}


@pytest.mark.parametrize("parameters", GRIDS.values(), ids=GRIDS)
def test_grid_is_wandbs_in_the_same_order(parameters: dict[str, Any]) -> None:
    ours, theirs = grid(parameters), oracle.grid(parameters, MOST)
    assert ours == theirs
    # Equality does not tell True from 1.
    assert [_types(each) for each in ours] == [_types(each) for each in theirs]


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_types(each) for each in value]
    return type(value)


def test_grid_of_decimals_ends_before_max_where_wandbs_may_reach_it() -> None:
    parameters = {"q": {"distribution": "q_uniform", "min": 1, "max": 1.3, "q": 0.1}}
    theirs = [config["q"] for config in oracle.grid(parameters, MOST)]
    assert theirs == pytest.approx([1.0, 1.1, 1.2, 1.3])
    assert [config["q"] for config in grid(parameters)] == [1.0, 1.1, 1.2]


@pytest.mark.parametrize(
    ("given", "u", "theirs", "ours"),
    [
        (
            {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1},
            0.3,
            0.30000000000000004,
            0.3,
        ),
        ({"min": 1, "max": 9}, 0.0, 0, 1),
        ({"min": 0, "max": 1}, 0.5, 0, 1),
        ({"values": ["a", "b"]}, 0.0, "b", "a"),
        ({"values": ["a", "b"]}, 0.5, "a", "b"),
        ({"values": ["a", "b"], "probabilities": [0.5, 0.5]}, 1.0, "a", "b"),
    ],
)
def test_quantiles_differ_on_purpose(
    given: dict[str, Any], u: float, theirs: Any, ours: Any
) -> None:
    assert repr(oracle.quantile(given, u)) == repr(theirs)
    assert repr(distribution_of(given).ppf(u)) == repr(ours)


@pytest.mark.parametrize(
    "entry",
    [
        {"min": 0.5, "max": 1.0},
        {"distribution": "normal"},
        {"distribution": "log_uniform_values", "min": 1, "max": 2},
        {"distribution": "q_log_uniform_values", "min": 1, "max": 2},
        {"distribution": "beta"},
        {"values": [1, 2], "probabilities": [0.5, 0.5]},
    ],
    ids=str,
)
def test_what_has_no_grid_has_none_at_wandb(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="disallowed type with grid search"):
        oracle.grid({"x": entry}, 1)
    assert distribution_of(entry).grid() is None


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5, 1e-5, 2.25, 1.0, -2.0, 0.0]),
    st.sampled_from(["", "a", "1", "null", "true", "0.5"]),
)
plain = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from("xy"), scalars, max_size=2),
)
whole = st.tuples(st.integers(-5, 5), st.integers(1, 4))
entries = st.one_of(
    st.builds(listed, st.lists(plain, min_size=1, max_size=4)),
    st.builds(lambda value: {"value": value}, plain),
    whole.map(lambda given: {"min": given[0], "max": sum(given)}),
    st.tuples(whole, st.sampled_from([1, 2, 0.5, 0.25])).map(
        lambda given: {
            "distribution": "q_uniform",
            "min": given[0][0],
            "max": sum(given[0]),
            "q": given[1],
        }
    ),
)
names = st.sampled_from(["a", "b", "a-b", "a_b", "A", "c.d", "c-d"])
parameters = st.recursive(
    st.dictionaries(names, entries, min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        names,
        st.one_of(entries, inner.map(lambda each: {"parameters": each})),
        min_size=1,
        max_size=3,
    ),
    max_leaves=4,
)


@settings(max_examples=75, deadline=None)
@given(parameters)
def test_any_grid_is_wandbs_in_the_same_order(generated: dict[str, Any]) -> None:
    ours, theirs = grid(generated, 60), oracle.grid(generated, 60)
    assert ours == theirs
    assert [_types(each) for each in ours] == [_types(each) for each in theirs]


@settings(max_examples=75, deadline=None)
@given(parameters)
def test_any_grid_has_its_length_and_no_duplicates(generated: dict[str, Any]) -> None:
    text = yaml.safe_dump({"method": "grid", "parameters": generated})
    sweep = parse_sweep(text, "sweep.yaml")
    found = Grid(sweep)
    firsts = [repr(found.config(index)) for index in range(min(found.size, 100))]
    assert len(set(firsts)) == len(firsts)
    sizes = [parameter.distribution.grid_size() for parameter in sweep.by_path()]
    assert found.size == math.prod(size or 0 for size in sizes)
    if found.size <= 60:
        assert len(oracle.grid(generated, 61)) == found.size
