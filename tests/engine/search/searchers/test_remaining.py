"""What is left of the configurations of a search that was edited, or tries some first."""

from __future__ import annotations

from pcsearch.engine.search.searchers.remaining import Remaining
from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.sweep import Sweep, parse_sweep

GRID = "method: grid\nparameters: {a: {values: [1, 2, 3]}, o: {parameters: {b: {values: [x, y]}}}}"
RANDOM = "method: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {values: [x, y]}}"


def read(text: str) -> Sweep:
    return parse_sweep(text, "s.yaml")


def test_a_grid_gives_each_that_was_not_had_once_in_its_order() -> None:
    sweep = read(GRID)
    had = [{"a": 1, "o": {"b": "x"}}, {"a": 2, "o": {"b": "y"}}]
    remaining = Remaining(sweep, Grid(sweep), had)
    taken = [remaining.take(number) for number in range(3, 8)]
    pairs = [each and (each["a"], each["o"]["b"]) for each in taken]
    assert pairs == [(1, "y"), (2, "x"), (3, "x"), (3, "y"), None]


def test_given_values_are_those_of_the_next_that_has_them() -> None:
    sweep = read(GRID)
    remaining = Remaining(sweep, Grid(sweep), [])
    assert remaining.take(1, {"o": {"b": "y"}}) == {"a": 1, "o": {"b": "y"}}
    assert remaining.take(2, {"o": {"b": "y"}, "a": 3}) == {"a": 3, "o": {"b": "y"}}
    assert remaining.take(3, {"a": 3, "o": {"b": "y"}}) is None
    assert remaining.take(3, {"o": {"b": "y"}}) == {"a": 2, "o": {"b": "y"}}
    assert remaining.take(4, {"o": {"b": "y"}}) is None
    assert [remaining.take(number) is not None for number in range(4, 8)] == [True] * 3 + [False]


def test_a_draw_without_an_end_is_that_of_the_number_with_the_given_values() -> None:
    sweep = read(RANDOM)
    draws = RandomDraws(sweep, 5)
    remaining = Remaining(sweep, draws, [draws.config(0)])
    assert remaining.take(2) == draws.config(1)
    other = draws.config(2) | {"b": "y"}
    assert remaining.take(3, {"b": "y"}) == other
    assert remaining.take(3, {"a": 0.5, "b": "y"}) == {"a": 0.5, "b": "y"}


def test_draws_from_few_configurations_have_each_once() -> None:
    sweep = read("method: random\nparameters: {a: {min: 1, max: 9}}")
    draws = RandomDraws(sweep, 5)
    remaining = Remaining(sweep, draws, [{"a": 4}, {"a": 7}])
    taken = [remaining.take(number) for number in range(3, 11)]
    assert taken[-1] is None
    assert sorted(each["a"] for each in taken if each) == [1, 2, 3, 5, 6, 8, 9]


def test_a_part_of_many_random_configurations_is_taken_at_once() -> None:
    sweep = read("method: random\nparameters: {a: {min: 1, max: 2147483647}, b: {values: [x, y]}}")
    remaining = Remaining(sweep, RandomDraws(sweep, 5), [])
    taken = [remaining.take(number, {"a": 42}) for number in (1, 2, 3)]
    assert taken[2] is None
    assert sorted(each["b"] for each in taken if each and each["a"] == 42) == ["x", "y"]
