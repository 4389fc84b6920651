"""What holds for every sound sweep file, whatever is in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import ARGUMENTS, sweep_files, values
from sweep_yaml import to_yaml

from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.distributions.registry import KINDS
from pcsearch.sweeps.parameters import value_of
from pcsearch.sweeps.sweep import Sweep, parse_sweep

many = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LARGEST_GRID = 300


def read(mapping: dict[str, Any]) -> Sweep:
    return parse_sweep(yaml.safe_dump(mapping, sort_keys=False), "sweep.yaml")


def distributions(sweep: Sweep) -> dict[str, str]:
    return {name: repr(each.distribution) for name, each in sweep.parameters.items()}


def test_every_distribution_is_among_those_tried() -> None:
    assert set(ARGUMENTS) == set(KINDS)


@many
@given(sweep_files())
def test_printing_a_sweep_and_reading_it_gives_the_same_sweep(mapping: dict[str, Any]) -> None:
    sweep = read(mapping)
    again = parse_sweep(to_yaml(sweep), "printed.yaml")
    assert again == sweep
    # Equality does not tell 1 from 1.0 and True.
    assert distributions(again) == distributions(sweep)


@many
@given(sweep_files(), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_is_read_as_the_same_sweep(
    mapping: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(mapping, indent=indent, ensure_ascii=ascii_only)
    sweep = parse_sweep(text, "sweep.json")
    assert sweep == read(mapping)
    assert distributions(sweep) == distributions(read(mapping))


@many
@given(sweep_files(("random", "bayes", "custom")), st.integers(0, 2**32), st.integers(0, 10**6))
def test_every_draw_lies_in_its_support(mapping: dict[str, Any], seed: int, index: int) -> None:
    sweep = read(mapping)
    config = RandomDraws(sweep, seed, repeats=True).config(index)
    for parameter in sweep.parameters.values():
        assert parameter.distribution.contains(value_of(config, parameter)), parameter
    assert repr(RandomDraws(read(mapping), seed, repeats=True).config(index)) == repr(config)


@many
@given(sweep_files(("grid",)))
def test_grid_has_every_combination_once(mapping: dict[str, Any]) -> None:
    sweep = read(mapping)
    grid = Grid(sweep)
    assert grid.size == math.prod(map(size, entries(mapping["parameters"])))
    numbers = range(min(grid.size, LARGEST_GRID))
    configs = [repr(grid.config(number)) for number in numbers]
    assert len(set(configs)) == len(configs)
    again = Grid(read(mapping))
    assert [repr(again.config(number)) for number in reversed(numbers)] == configs[::-1]
    for number in (*numbers, grid.size - 1):
        config = grid.config(number)
        for parameter in sweep.parameters.values():
            assert parameter.distribution.contains(value_of(config, parameter)), parameter
    with pytest.raises(IndexError):
        grid.config(grid.size)


def entries(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of parameters, at any depth."""
    for entry in given.values():
        if "parameters" in entry:
            yield from entries(entry["parameters"])
        else:
            yield entry


def size(entry: dict[str, Any]) -> int:
    """How many values an entry has in a grid, counted from the file alone."""
    if "value" in entry:
        return 1
    if "values" in entry:
        return len(distinct(entry["values"]))
    low, high = (Fraction(str(entry[key]).strip("'")) for key in ("min", "max"))
    if entry["distribution"] == "int_uniform":
        return int(high - low) + 1
    return max(1, math.ceil((high - low) / Fraction(str(entry.get("q", 1)))))


def distinct(given: list[Any]) -> list[Any]:
    """The values without those that W&B's grid takes for one that came before."""
    numbers: list[Any] = []
    for value in given:
        if not any(alike(value, other) for other in numbers):
            numbers.append(value)
    return numbers


def alike(first: Any, second: Any) -> bool:
    both = all(isinstance(each, int | float) for each in (first, second))
    if both and not any(isinstance(each, bool) for each in (first, second)):
        return bool(first == second)
    return repr(first) == repr(second)


@many
@given(st.dictionaries(st.sampled_from("abc"), values, min_size=1))
def test_values_are_read_as_pyyaml_reads_them(mapping: dict[str, Any]) -> None:
    text = yaml.safe_dump({"method": "random", "parameters": {"x": {"value": [mapping]}}})
    (parameter,) = parse_sweep(text, "sweep.yaml").parameters.values()
    assert repr(parameter.distribution.ppf(0)) == repr([yaml.safe_load(yaml.safe_dump(mapping))])
