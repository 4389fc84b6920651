"""The ``parameters`` of a sweep file as a whole: names, nesting and overrides."""

from __future__ import annotations

import math
from typing import Any

import pytest
from parameter_parsing import parse, parser

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions.discrete import (
    Constant,
)
from pcsearch.sweeps.parameters import Parameter, nested, settings, value_of


def test_parameters_keep_the_files_order() -> None:
    parameters, _ = parse("  z: {value: 1}\n  a: {value: 1}\n  m: {value: 1}")
    assert list(parameters) == ["z", "a", "m"]


def test_every_mistake_of_every_parameter_is_reported() -> None:
    parameters, problems = parse(
        "  a: 5\n  b: {min: x, max: y}\n  c: {value: 1}\n  d: {min: 2, max: 1, typo: 3}\n"
    )
    assert list(parameters) == ["c"]
    assert [problem.split(": ")[0:2] for problem in problems] == [
        ["sweep.yaml:2:3", "parameters.a"],
        ["sweep.yaml:3:7", "parameters.b.min"],
        ["sweep.yaml:3:15", "parameters.b.max"],
        ["sweep.yaml:5:23", "parameters.d.typo"],
        ["sweep.yaml:5:7", "parameters.d"],
    ]


@pytest.mark.parametrize("name", ["1", "true", "null", "''"])
def test_names_that_are_not_text_are_refused(name: str) -> None:
    parameters, (line,) = parse(f"  {name}: {{value: 1}}")
    assert line.endswith("a parameter's name must be text; put it in quotes")
    assert parameters == {}


@pytest.mark.parametrize("given", ["5", "[a]", "text"])
def test_parameters_that_are_no_mapping_are_refused(given: str) -> None:
    _, problems = parse(f"  {given}")
    assert problems == [
        "sweep.yaml:1:1: parameters: "
        "must be a mapping of names, each with value, values, or min and max"
    ]


NESTED = """\
  optimizer:
    parameters:
      lr: {min: 0.1, max: 0.2}
      betas.first: {value: 0.9}
      deep: {parameters: {er: {parameters: {est-one: {values: [1, 2]}}}}}
  x: {value: 1}
"""


def test_nested_parameters_keep_their_paths() -> None:
    parameters, problems = parse(NESTED)
    assert problems == []
    assert {name: parameter.path for name, parameter in parameters.items()} == {
        "optimizer.lr": ("optimizer", "lr"),
        "optimizer.betas.first": ("optimizer", "betas.first"),
        "optimizer.deep.er.est-one": ("optimizer", "deep", "er", "est-one"),
        "x": ("x",),
    }
    assert parameters["optimizer.deep.er.est-one"].where == "sweep.yaml:6:45"
    config = nested((parameter, parameter.name) for parameter in parameters.values())
    assert config == {
        "optimizer": {
            "lr": "optimizer.lr",
            "betas.first": "optimizer.betas.first",
            "deep": {"er": {"est-one": "optimizer.deep.er.est-one"}},
        },
        "x": "x",
    }
    assert all(value_of(config, each) == each.name for each in parameters.values())
    assert value_of({"optimizer": 3}, parameters["optimizer.lr"]) is None


def test_two_parameters_of_one_name_are_refused() -> None:
    _, problems = parse("  a.b: {value: 1}\n  a: {parameters: {b: {value: 2}}}")
    assert problems == [
        "sweep.yaml:3:20: parameters.a.b: given twice; the first is at sweep.yaml:2:3"
    ]


def overridden(name: str, value: Any) -> tuple[dict[str, Parameter], list[str]]:
    problems: list[Problem] = []
    read = parser(NESTED, problems, [])
    parameters = read.parse(("parameters",))
    read.override(parameters, name, value)
    return parameters, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("name", "value", "path", "read_as"),
    [
        ("x", "1e-3", ("x",), 0.001),
        ("x", [1], ("x",), [1]),
        ("x", {"a": 1}, ("x",), {"a": 1}),
        ("lr", "5", ("lr",), 5),
        ("lr", True, ("lr",), True),
        ("optimizer.lr", 0.5, ("optimizer", "lr"), 0.5),
        ("optimizer.betas.first", 0.8, ("optimizer", "betas.first"), 0.8),
        ("optimizer.momentum", 0.9, ("optimizer", "momentum"), 0.9),
        ("optimizer.deep.er.new", 1, ("optimizer", "deep", "er", "new"), 1),
        ("optimizers.new", 1, ("optimizers.new",), 1),
        ("new", "text", ("new",), "text"),
    ],
)
def test_override_fixes_a_parameter_where_it_stands(
    name: str, value: Any, path: tuple[str, ...], read_as: Any
) -> None:
    parameters, problems = overridden(name, value)
    assert problems == []
    assert repr(parameters[name]) == repr(Parameter(path, Constant(read_as), f"--set {name}"))
    assert len({parameter.path for parameter in parameters.values()}) == len(parameters)


def test_override_of_a_group_is_refused_by_name() -> None:
    parameters, problems = overridden("optimizer", "adam")
    assert problems == [
        "--set optimizer: it has parameters of its own; "
        "set optimizer.lr, optimizer.betas.first or optimizer.deep.er.est-one"
    ]
    assert "optimizer" not in parameters


def test_constants_may_be_infinite() -> None:
    parameters, problems = parse("  x: {value: .inf}")
    assert problems == []
    assert parameters["x"].distribution == Constant(math.inf)


def test_the_settings_of_another_version_of_the_file_are_there_too() -> None:
    parameters, _ = parse("  a: {value: 1}\n  b:\n    parameters: {c: {value: 2}}\n  d: {value: 3}")
    config = {"e": {"f": 4, "g": {}}, "b": {"c": 5, "h": 6}, "a": None}
    pairs = settings(config, parameters.values())
    assert [(each.name, value) for each, value in pairs] == [
        *(("a", None), ("b.c", 5)),
        *(("e.f", 4), ("e.g", {}), ("b.h", 6)),
    ]
    assert nested(pairs) == config
