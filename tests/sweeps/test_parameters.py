"""The parameters of a sweep file: W&B's inference, and each mistake's exact line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogUniformValues,
    Normal,
    QUniform,
    Uniform,
)
from pcsearch.sweeps.parameters import Parameter, constant, parse_parameters
from pcsearch.sweeps.positions import load


def parse(text: str) -> tuple[dict[str, Parameter], list[str]]:
    problems: list[Problem] = []
    document = load(f"parameters:\n{text}", "sweep.yaml")
    parameters = parse_parameters(
        document, ("parameters",), numeric=lambda name: name == "lr", problems=problems
    )
    return parameters, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("given", "distribution"),
    [
        ("value: 5", Constant(5)),
        ("value: adam", Constant("adam")),
        ("value: null", Constant(None)),
        ("value: [1, 2]", Constant([1, 2])),
        ("value: 1e-3", Constant("1e-3")),
        ("value: 0.1, distribution: constant", Constant(0.1)),
        ("values: [1, a, null, true, [2, 3]]", Categorical((1, "a", None, True, [2, 3]))),
        ("values: [1e-3, 1e-4]", Categorical((0.001, 0.0001))),
        ("values: [0.1, 1e-3, 2]", Categorical((0.1, 0.001, 2))),
        ("values: ['1', '2']", Categorical(("1", "2"))),
        ("values: [1e-3, none]", Categorical(("1e-3", "none"))),
        ("values: [1e-3, true]", Categorical(("1e-3", True))),
        ("values: [a], distribution: categorical", Categorical(("a",))),
        ("min: 1, max: 9", IntUniform(1, 9)),
        ("min: 4, max: 4", IntUniform(4, 4)),
        (f"min: 0, max: {10**30}", IntUniform(0, 10**30)),
        ("min: '1', max: 9", IntUniform(1, 9)),
        ("min: 1, max: 9.5", Uniform(1, 9.5)),
        ("min: 1e-3, max: 1", Uniform(0.001, 1)),
        ("min: 1, max: 9, distribution: uniform", Uniform(1, 9)),
        ("min: 1, max: 1e3, distribution: int_uniform", IntUniform(1, 1000)),
        ("min: 1e-5, max: 1e-1, distribution: log_uniform_values", LogUniformValues(1e-5, 0.1)),
        ("min: 0, max: 1, distribution: q_uniform", QUniform(0, 1, 1)),
        ("min: 0, max: 1, q: 1e-1, distribution: q_uniform", QUniform(0, 1, 0.1)),
        ("distribution: normal", Normal(0, 1)),
        ("distribution: normal, mu: -1, sigma: 5E-1", Normal(-1, 0.5)),
    ],
)
def test_distribution_is_inferred_as_by_wandb(given: str, distribution: Distribution) -> None:
    parameters, problems = parse(f"  x: {{{given}}}")
    assert problems == []
    assert parameters == {"x": Parameter("x", distribution, "sweep.yaml:2:3")}
    # Equality does not tell 1 from 1.0 and True.
    assert repr(parameters["x"].distribution) == repr(distribution)


@pytest.mark.parametrize(
    ("given", "distribution"),
    [
        ("value: 1e-3", Constant(0.001)),
        ("value: '5'", Constant(5)),
        ("value: adam", Constant("adam")),
        ("values: ['1', 2e3, none]", Categorical((1, 2000.0, "none"))),
    ],
)
def test_text_that_spells_a_number_is_one_where_the_model_takes_numbers(
    given: str, distribution: Distribution
) -> None:
    parameters, problems = parse(f"  lr: {{{given}}}")
    assert problems == []
    assert repr(parameters["lr"].distribution) == repr(distribution)


def test_parameters_keep_the_files_order() -> None:
    parameters, _ = parse("  z: {value: 1}\n  a: {value: 1}\n  m: {value: 1}")
    assert list(parameters) == ["z", "a", "m"]


AT_X = "sweep.yaml:2:3: parameters.x: "
AT_KEY = "sweep.yaml:2:7: parameters.x"
NESTED = "nested parameters are not supported yet; list them side by side"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("5", AT_X + "a parameter is a mapping; write value: 5"),
        ("true", AT_X + "a parameter is a mapping; write value: true"),
        ("adam", AT_X + "a parameter is a mapping; write value: 'adam'"),
        ("[1, 2]", AT_X + "a parameter is a mapping; write values: [1, 2]"),
        ("", AT_X + "is empty; give value, values, or min and max"),
        ("{}", AT_X + "is empty; give value, values, or min and max"),
        ("{vals: [1]}", AT_KEY + ".vals: unknown key; did you mean 'values'?"),
        ("{zzz: 1, value: 1}", AT_KEY + ".zzz: unknown key"),
        ("{1: 1, value: 1}", AT_KEY + ".1: unknown key"),
        ("{min: 0.1, max: 0.01}", AT_KEY + ": min 0.1 is greater than max 0.01"),
        ("{min: 1e-1, max: 1e-2}", AT_KEY + ": min 0.1 is greater than max 0.01"),
        ("{min: 3, max: 2}", AT_KEY + ": min 3 is greater than max 2"),
        ("{min: 1}", AT_KEY + ": min without max"),
        ("{max: 1.5}", AT_KEY + ": max without min"),
        ("{min: a, max: 1}", AT_KEY + ".min: 'a' is not a number"),
        ("{min: true, max: 1}", AT_KEY + ".min: true is not a number"),
        ("{min: null, max: 1}", AT_KEY + ".min: null is not a number"),
        ("{min: [1], max: 1}", AT_KEY + ".min: [1] is not a number"),
        ("{min: -.inf, max: 1}", AT_KEY + ".min: -inf is not a finite number"),
        ("{min: .nan, max: 1}", AT_KEY + ".min: nan is not a finite number"),
        ("{min: 1e999, max: 1}", AT_KEY + ".min: inf is not a finite number"),
        ("{min: -1.0e+305, max: 1}", AT_KEY + ".min: -1e+305 is beyond 1e+300"),
        ("{values: []}", AT_KEY + ": values is empty; give at least one"),
        ("{values: 5}", AT_KEY + ".values: must be a list; write values: [5]"),
        ("{values: {a: 1}}", AT_KEY + ".values: must be a list"),
        ("{values: [{a: 1}]}", "sweep.yaml:2:16: parameters.x.values: a mapping is not a value"),
        ("{value: {a: 1}}", AT_KEY + ".value: a mapping is not a value"),
        (
            "{value: 1, values: [1]}",
            "sweep.yaml:2:17: parameters.x: value and values exclude each other; keep one",
        ),
        (
            "{values: [1], min: 1}",
            "sweep.yaml:2:20: parameters.x: values and min exclude each other; keep one",
        ),
        ("{mu: 1}", AT_KEY + ": mu needs distribution: normal"),
        ("{q: 1, min: 0, max: 2}", AT_KEY + ": q needs distribution: q_uniform"),
        ("{parameters: {y: {value: 1}}}", f"{AT_KEY}.parameters: {NESTED}"),
        (
            "{values: [1], probabilities: [1]}",
            "sweep.yaml:2:20: parameters.x.probabilities: "
            "probabilities are not supported yet; remove them for equal shares",
        ),
        (
            "{distribution: unifrm, min: 0, max: 1}",
            AT_KEY + ": unknown distribution 'unifrm'; did you mean 'uniform'?",
        ),
        (
            "{distribution: [], min: 0, max: 1}",
            AT_KEY + ": unknown distribution []; use constant, categorical, uniform, "
            "log_uniform_values, int_uniform, q_uniform or normal",
        ),
        ("{distribution: uniform}", AT_KEY + ": distribution uniform needs min and max"),
        (
            "{distribution: normal, min: 1}",
            "sweep.yaml:2:29: parameters.x: distribution normal does not use min; remove it",
        ),
        ("{sigma: 0, distribution: normal}", AT_KEY + ": sigma 0 must be above 0"),
        ("{q: -1, min: 0, max: 1, distribution: q_uniform}", AT_KEY + ": q -1 must be above 0"),
        (
            "{min: 0, max: 1, distribution: log_uniform_values}",
            AT_KEY + ": min 0 must be above 0 for log_uniform_values",
        ),
        (
            "{min: 0.5, max: 1, distribution: int_uniform}",
            AT_KEY + ".min: 0.5 is not a whole number",
        ),
        (
            "{distribution: log_uniform, min: -9, max: -2}",
            AT_KEY + ": distribution log_uniform is not supported yet; "
            "use log_uniform_values with plain bounds",
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(given: str, line: str) -> None:
    parameters, problems = parse(f"  x: {given}")
    assert problems == [line]
    assert parameters == {}


@pytest.mark.parametrize(
    "name",
    [
        "log_uniform",
        "q_log_uniform",
        "q_log_uniform_values",
        "inv_log_uniform",
        "inv_log_uniform_values",
        "log_normal",
        "q_log_normal",
        "q_normal",
        "beta",
        "q_beta",
        "categorical_w_probabilities",
    ],
)
def test_distributions_of_wandb_that_are_missing_are_refused_by_name(name: str) -> None:
    _, (line,) = parse(f"  x: {{distribution: {name}, min: 1, max: 2}}")
    assert line.startswith(f"{AT_KEY}: distribution {name} is not supported yet; use ")


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


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("lr", "1e-3", 0.001),
        ("lr", 5, 5),
        ("x", "1e-3", "1e-3"),
        ("x", [1], [1]),
        ("lr", True, True),
    ],
)
def test_constant_is_made_from_a_value_given_elsewhere(name: str, value: Any, read: Any) -> None:
    result = constant(name, value, "--set x", numeric=lambda name: name == "lr")
    assert result == Parameter(name, Constant(read), "--set x")


def test_constant_is_no_mapping() -> None:
    problem = constant("x", {"a": 1}, "--set x", numeric=lambda _: False)
    assert isinstance(problem, Problem)
    assert str(problem) == "--set x: a mapping is not a value"


def test_constants_may_be_infinite() -> None:
    parameters, problems = parse("  x: {value: .inf}")
    assert problems == []
    assert parameters["x"].distribution == Constant(math.inf)
