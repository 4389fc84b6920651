"""Grids in their order and random draws that depend on nothing but the seed and their number."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.sweeps.configurations import Grid, RandomDraws, configurations
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.distributions.continuous import Uniform
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep, parse_sweep


def sweep(method: str, parameters: str, more: str = "") -> Sweep:
    return parse_sweep(f"method: {method}\nparameters: {{{parameters}}}\n{more}", "sweep.yaml")


MIXED = "b: {values: [x, y]}, a: {min: 1, max: 3}, c: {value: [7]}"
ALL_KINDS = """
  lr: {distribution: log_uniform_values, min: 1.0e-5, max: 0.1}, u: {min: 0.0, max: 1},
  i: {min: 1, max: 9}, n: {distribution: normal}, k: {value: z}, v: {values: [1, a, null]},
  q: {distribution: q_uniform, min: 0, max: 1, q: 0.1}"""


def test_last_name_varies_fastest() -> None:
    grid = configurations(sweep("grid", MIXED), seed=0)
    assert isinstance(grid, Grid)
    assert grid.size == 6
    assert [grid.config(index) for index in range(6)] == [
        {"a": a, "b": b, "c": [7]} for a in (1, 2, 3) for b in ("x", "y")
    ]
    assert list(grid.config(0)) == ["a", "b", "c"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_grid_is_the_product_of_the_parameters_in_the_order_of_names(sizes: list[int]) -> None:
    parameters = ", ".join(f"p{i}: {{min: 1, max: {size}}}" for i, size in enumerate(sizes))
    grid = Grid(sweep("grid", parameters))
    expected = list(itertools.product(*(range(1, size + 1) for size in sizes)))
    assert [tuple(grid.config(index).values()) for index in range(grid.size)] == expected


def test_repeated_values_are_tried_once() -> None:
    grid = Grid(sweep("grid", "a: {values: [1, 2, 1, 1.0, true]}"))
    assert [repr(grid.config(index)["a"]) for index in range(grid.size)] == [
        "1",
        "2",
        "1.0",
        "True",
    ]


NESTED_PARAMETERS = """
  opt: {parameters: {name: {values: [adam, sgd]}, lr: {values: [0.1, 0.2]}}},
  opt-extra: {values: [1, 2]}, "opt.x": {values: [3, 4]}, a: {value: [0]}"""


def test_nested_parameters_are_sorted_within_their_level() -> None:
    grid = Grid(sweep("grid", NESTED_PARAMETERS))
    assert grid.size == 16
    assert [grid.config(index) for index in range(16)] == [
        {"a": [0], "opt": {"lr": lr, "name": name}, "opt-extra": extra, "opt.x": x}
        for lr in (0.1, 0.2)
        for name in ("adam", "sgd")
        for extra in (1, 2)
        for x in (3, 4)
    ]


def test_draws_of_nested_parameters_are_nested() -> None:
    draws = RandomDraws(sweep("random", NESTED_PARAMETERS), 0)
    config = draws.config(3)
    assert list(config) == ["a", "opt", "opt-extra", "opt.x"]
    assert config["opt"]["name"] in ("adam", "sgd")
    assert config["opt"]["lr"] in (0.1, 0.2)


def test_grid_of_10_to_the_9_combinations_starts_at_once() -> None:
    parameters = "a: {values: [x, y]}, i: {min: 1, max: 500000}"
    quantised = "q: {distribution: q_uniform, min: 0, max: 100, q: 0.1}"
    grid = Grid(sweep("grid", f"{parameters}, {quantised}"))
    assert grid.size == 10**9
    assert grid.config(10**9 - 1) == {"a": "y", "i": 500000, "q": 99.9}


def test_grid_of_10_to_the_30_combinations_is_made_lazily() -> None:
    parameters = ", ".join(f"p{i:02}: {{min: 0, max: 9}}" for i in range(30))
    grid = Grid(sweep("grid", parameters))
    assert grid.size == 10**30 > sys.maxsize
    index = 123456789012345678901234567890
    assert "".join(str(digit) for digit in grid.config(index).values()) == str(index)


def test_grid_of_one_endless_parameter_is_made_lazily() -> None:
    grid = Grid(sweep("grid", f"a: {{min: 0, max: {10**40}}}, b: {{values: [x, y]}}"))
    assert grid.size == 2 * (10**40 + 1)
    assert grid.config(2 * 10**40 + 1) == {"a": 10**40, "b": "y"}


@pytest.mark.parametrize("index", [-1, 6])
def test_grid_ends(index: int) -> None:
    with pytest.raises(IndexError):
        Grid(sweep("grid", MIXED)).config(index)


def test_grid_of_a_parameter_without_one_is_a_mistake_of_the_program() -> None:
    parameters = {"a": Parameter(("a",), Uniform(0, 1))}
    with pytest.raises(ValueError, match="parameter a has no grid"):
        Grid(Sweep("grid", (), parameters))


def test_draws_depend_on_the_seed_and_their_number_alone() -> None:
    read = sweep("random", ALL_KINDS)
    first, second = RandomDraws(read, 3), RandomDraws(read, 3)
    forward = [first.config(index) for index in range(20)]
    backward = [second.config(index) for index in reversed(range(20))]
    assert forward == backward[::-1]
    assert RandomDraws(read, 4).config(0) != forward[0]
    assert len({repr(config) for config in forward}) == 20


def test_draws_do_not_depend_on_the_order_in_the_file() -> None:
    one = RandomDraws(sweep("random", "a: {min: 0.0, max: 1}, b: {min: 0, max: 99}"), 0)
    other = RandomDraws(sweep("random", "b: {min: 0, max: 99}, a: {min: 0.0, max: 1}"), 0)
    assert [one.config(i) for i in range(9)] == [other.config(i) for i in range(9)]


def test_draws_are_quantiles_of_numpys_generator_in_the_order_of_names() -> None:
    draws = RandomDraws(sweep("random", "b: {min: 0.0, max: 1}, a: {min: 0.0, max: 1}"), 5)
    expected = np.random.default_rng([5, 7]).random(2).tolist()
    assert draws.config(7) == {"a": expected[0], "b": expected[1]}


def test_drawn_values_are_plain_python_ones_of_the_declared_types() -> None:
    draws = RandomDraws(sweep("random", ALL_KINDS), 0)
    for index in range(50):
        config = draws.config(index)
        kinds = {name: type(config[name]) for name in ("lr", "u", "i", "n", "k", "q")}
        assert kinds == {"lr": float, "u": float, "i": int, "n": float, "k": str, "q": float}
        assert config["v"] in (1, "a", None)


def test_parameters_are_drawn_independently_and_evenly() -> None:
    draws = RandomDraws(sweep("random", "a: {min: 0.0, max: 1}, b: {min: 0.0, max: 1}"), 0)
    count = 2000
    drawn = np.array([list(draws.config(index).values()) for index in range(count)])
    steps = np.arange(count + 1) / count
    for column in np.sort(drawn, axis=0).T:
        distance = max(np.max(steps[1:] - column), np.max(column - steps[:-1]))
        assert distance < 1.63 / np.sqrt(count)  # Kolmogorov and Smirnov's bound at 1 %
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 3 / np.sqrt(count)


@pytest.mark.parametrize("method", ["grid", "random"])
def test_changing_a_configuration_changes_no_other(method: str) -> None:
    planned = configurations(sweep(method, MIXED), seed=0)
    assert planned is not None
    planned.config(0)["c"].append(8)
    assert planned.config(0)["c"] == [7]


def test_bayes_has_no_configurations_of_its_own() -> None:
    assert configurations(sweep("bayes", MIXED, "metric: {name: m}"), seed=0) is None
    more = "metric: {name: m}\nscheduler: {engine: optuna}"
    assert configurations(sweep("custom", MIXED, more), seed=0) is None


def test_categories_come_out_as_themselves() -> None:
    values = "[[1, 2], {b: 1, a: [x]}, null, true, 1, 1.5, '1', '']"
    expected = [[1, 2], {"b": 1, "a": ["x"]}, None, True, 1, 1.5, "1", ""]
    grid = Grid(sweep("grid", f"v: {{values: {values}}}"))
    assert [repr(grid.config(i)["v"]) for i in range(grid.size)] == [repr(v) for v in expected]
    draws = RandomDraws(sweep("random", f"v: {{values: {values}}}"), 0)
    assert {repr(draws.config(i)["v"]) for i in range(8)} == {repr(v) for v in expected}


def test_random_draws_of_a_finite_space_are_all_different() -> None:
    rare = "c: {values: [x, y], probabilities: [0.99, 0.01]}"
    random = sweep("random", f"a: {{values: [1, 1.0, true]}}, b: {{min: 1, max: 20}}, {rare}")
    draws, same = RandomDraws(random, 3), RandomDraws(random, 3)
    configs = [draws.config(index) for index in range(120)]
    assert len({identity(config) for config in configs}) == 120
    # In any order, and as in another session.
    assert [identity(same.config(index)) for index in (119, 0, 60)] == [
        identity(configs[index]) for index in (119, 0, 60)
    ]
    with pytest.raises(IndexError, match="draw 120 from 120 configurations"):
        draws.config(120)
    independent = RandomDraws(random, 3, repeats=True)
    assert len({identity(independent.config(index)) for index in range(120)}) < 120
    first = next(i for i in range(120) if configs[i] != independent.config(i))
    assert first > 1, "up to the first that would repeat, the draws are those of before"


def test_a_large_finite_space_costs_nothing() -> None:
    draws = RandomDraws(sweep("random", "a: {min: 1, max: 1000000000}, b: {values: [1, 2]}"), 1)
    assert draws.config(3) != draws.config(4)
