"""Entries of ``parameters``: W&B's inference, each mistake's exact line, and the notes."""

from __future__ import annotations

import pytest
from parameter_parsing import parse, read

from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.continuous import (
    Beta,
    InvLogUniform,
    InvLogUniformValues,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Normal,
    Uniform,
)
from pcsearch.sweeps.distributions.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
)
from pcsearch.sweeps.distributions.quantised import Quantised
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.reading.loader import load


@pytest.mark.parametrize(
    ("given", "distribution"),
    [
        ("value: 5", Constant(5)),
        ("value: adam", Constant("adam")),
        ("value: null", Constant(None)),
        ("value: [1, 2]", Constant([1, 2])),
        ("value: {a: [1, {b: null}]}", Constant({"a": [1, {"b": None}]})),
        ("value: 1e-3", Constant(0.001)),
        ("value: '5'", Constant("5")),
        ("value: 0.1, distribution: constant", Constant(0.1)),
        ("values: [1, a, null, true, [2, 3]]", Categorical((1, "a", None, True, [2, 3]))),
        ("values: [1e-3, 1e-4]", Categorical((0.001, 0.0001))),
        ("values: [0.1, 1e-3, 2]", Categorical((0.1, 0.001, 2))),
        ("values: ['1', '2']", Categorical(("1", "2"))),
        ("values: [1e-3, none]", Categorical(("1e-3", "none"))),
        ("values: [1e-3, true]", Categorical(("1e-3", True))),
        ("values: [a], distribution: categorical", Categorical(("a",))),
        ("values: [{a: 1}, [2]]", Categorical(({"a": 1}, [2]))),
        ("values: [a, b], probabilities: [1, 0]", WeightedCategorical(("a", "b"), (1.0, 0.0))),
        (
            "values: [1e-3, 1], probabilities: [2.5e-1, 0.75], distribution: categorical",
            WeightedCategorical((0.001, 1), (0.25, 0.75)),
        ),
        (
            "values: [a], probabilities: [0.9999995], distribution: categorical_w_probabilities",
            WeightedCategorical(("a",), (0.9999995,)),
        ),
        ("min: 1, max: 9", IntUniform(1, 9)),
        ("min: 4, max: 4", IntUniform(4, 4)),
        (f"min: 0, max: {10**30}", IntUniform(0, 10**30)),
        ("min: '1', max: 9", IntUniform(1, 9)),
        ("min: 1, max: 9.5", Uniform(1, 9.5)),
        ("min: 1e-3, max: 1", Uniform(0.001, 1)),
        ("min: 1, max: 9, distribution: uniform", Uniform(1, 9)),
        ("min: 1, max: 1e3, distribution: int_uniform", IntUniform(1, 1000)),
        ("min: 1e-5, max: 1e-1, distribution: log_uniform_values", LogUniformValues(1e-5, 0.1)),
        ("min: 1.0, max: 9, distribution: int_uniform", IntUniform(1, 9)),
        ("min: 0, max: 1, distribution: q_uniform", Quantised(Uniform(0, 1), 1.0)),
        ("min: 0, max: 1, q: 1e-1, distribution: q_uniform", Quantised(Uniform(0, 1), 0.1)),
        ("min: -9.2, max: -2, distribution: log_uniform", LogUniform(-9.2, -2)),
        (
            "min: 0, max: 5, q: 2, distribution: q_log_uniform",
            Quantised(LogUniform(0, 5), 2),
        ),
        ("min: 2, max: 9, distribution: inv_log_uniform", InvLogUniform(2, 9)),
        (
            "min: 1e-5, max: 0.1, distribution: inv_log_uniform_values",
            InvLogUniformValues(1e-5, 0.1),
        ),
        (
            "min: 32, max: 256, q: 8, distribution: q_log_uniform_values",
            Quantised(LogUniformValues(32, 256), 8),
        ),
        ("min: 0.5, max: 0.5, distribution: log_uniform_values", LogUniformValues(0.5, 0.5)),
        ("distribution: normal", Normal(0, 1)),
        ("distribution: normal, mu: -1, sigma: 5E-1", Normal(-1, 0.5)),
        ("distribution: q_normal, q: 2", Quantised(Normal(0, 1), 2)),
        ("distribution: log_normal, mu: -7", LogNormal(-7, 1)),
        ("distribution: q_log_normal, sigma: 2.5", Quantised(LogNormal(0, 2.5), 1.0)),
        ("distribution: beta", Beta(1, 1)),
        ("distribution: q_beta, a: 2, b: 5.5, q: 0.1", Quantised(Beta(2, 5.5), 0.1)),
    ],
)
def test_distribution_is_inferred_as_by_wandb(given: str, distribution: Distribution) -> None:
    parameters, problems = parse(f"  x: {{{given}}}")
    assert problems == []
    assert parameters == {"x": Parameter(("x",), distribution)}
    assert parameters["x"].where == "sweep.yaml:2:3"
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


AT_X = "sweep.yaml:2:3: parameters.x: "
AT_KEY = "sweep.yaml:2:7: parameters.x"
IN_WORDS = (
    "constant, categorical, categorical_w_probabilities, int_uniform, uniform, log_uniform, "
    "log_uniform_values, inv_log_uniform, inv_log_uniform_values, normal, log_normal, beta, "
    "q_uniform, q_log_uniform, q_log_uniform_values, q_normal, q_log_normal or q_beta"
)


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
        ("{min: -1.0e+305, max: 1}", AT_KEY + ".min: -1e+305 is beyond -1e+300"),
        ("{values: []}", AT_KEY + ": values is empty; give at least one"),
        ("{values: 5}", AT_KEY + ".values: must be a list; write values: [5]"),
        ("{values: {a: 1}}", AT_KEY + ".values: must be a list"),
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
        (
            "{lr: {value: 1}}",
            AT_X + "nested parameters stand in a mapping; write {parameters: {...}}",
        ),
        (
            "{paramters: {y: {value: 1}}}",
            AT_KEY + ".paramters: unknown key; did you mean 'parameters'?",
        ),
        (
            "{parameters: {}}",
            AT_KEY + ".parameters: must be a mapping of names, "
            "each with value, values, or min and max",
        ),
        (
            "{parameters: {y: 5}}",
            "sweep.yaml:2:20: parameters.x.parameters.y: a parameter is a mapping; write value: 5",
        ),
        (
            "{parameters: {y: {value: 5}}, min: 1}",
            "sweep.yaml:2:36: parameters.x.min: parameters and min exclude each other; keep one",
        ),
        ("{probabilities: [1]}", AT_KEY + ": probabilities without values"),
        (
            "{values: [1, 2], probabilities: [1]}",
            "sweep.yaml:2:23: parameters.x.probabilities: "
            "1 probabilities for 2 values; give as many",
        ),
        (
            "{values: [1, 2], probabilities: [0.5, 0.4]}",
            "sweep.yaml:2:23: parameters.x.probabilities: their sum is 0.9; it must be 1",
        ),
        (
            "{values: [1, 2], probabilities: [1.5, -0.5]}",
            "sweep.yaml:2:39: parameters.x.probabilities: 1.5 is not a number from 0 to 1\n"
            "sweep.yaml:2:44: parameters.x.probabilities: -0.5 is not a number from 0 to 1",
        ),
        (
            "{values: [1], probabilities: 1}",
            "sweep.yaml:2:20: parameters.x.probabilities: "
            "must be a list of numbers, one for each value",
        ),
        (
            "{value: 1, distribution: categorical}",
            AT_KEY + ": distribution categorical needs values, not value",
        ),
        (
            "{values: [1], distribution: constant}",
            AT_KEY + ": distribution constant needs value, not values",
        ),
        ("{distribution: beta, a: 0}", "sweep.yaml:2:27: parameters.x: a 0 must be above 0"),
        (
            "{distribution: beta, b: 1e9}",
            "sweep.yaml:2:27: parameters.x: b 1000000000.0 is not from 1e-06 to 1e+06",
        ),
        ("{a: 1}", AT_KEY + ": a needs distribution: beta"),
        (
            "{min: -800, max: 0, distribution: log_uniform}",
            AT_KEY + ": min -800 is beyond -690: "
            "bounds of log_uniform are exponents of e; for the values' own bounds write "
            "log_uniform_values",
        ),
        (
            "{min: 8, max: 1000, distribution: q_log_uniform}",
            "sweep.yaml:2:15: parameters.x: "
            "max 1000 is beyond 690: bounds of q_log_uniform are exponents of e; for the values' "
            "own bounds write q_log_uniform_values",
        ),
        ("{distribution: log_normal, mu: 1000}", AT_KEY + ": mu and sigma reach beyond e^690"),
        (
            "{distribution: unifrm, min: 0, max: 1}",
            AT_KEY + ": unknown distribution 'unifrm'; did you mean 'uniform'?",
        ),
        (
            "{distribution: [], min: 0, max: 1}",
            AT_KEY + ": unknown distribution []; use " + IN_WORDS,
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
    ],
)
def test_mistake_is_one_line_with_its_place(given: str, line: str) -> None:
    parameters, problems = parse(f"  x: {given}")
    assert problems == line.split("\n")
    assert "x" not in parameters


NOTE = "sweep.yaml:2:7: parameters.x: "
READ = ": text in YAML, read as a number, also in quotes; where the text is meant write !!str 1e-3"
LEFT = ": text in YAML, left as text; where a number is meant write a point, as in 1.0e-3"


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ("value: 1e-3", NOTE + "'1e-3'" + READ),
        ("value: '1e-3'", NOTE + "'1e-3'" + READ),
        ("values: [1e-3, 2, 1E5, .5e3]", NOTE + "'1e-3' (and 2 more)" + READ),
        ("values: [!!str 1E5, 1e-3]", NOTE + "'1e-3'" + READ),
        ("values: [none, 1e-3]", NOTE + "'1e-3'" + LEFT),
        ("value: {lr: [1e-3]}", NOTE + "'1e-3'" + LEFT),
        ("min: 1e-3, max: 1", NOTE + "'1e-3'" + READ),
        ("min: 1e-3, max: 1e-2", NOTE + "'1e-3' (and 1 more, also at 2:18)" + READ),
        (
            "distribution: q_uniform, min: 1, max: 10, q: 4",
            NOTE + "rounding leads past the bounds: "
            "uniform from 1 to 10, in multiples of 4, draws 0 to 8",
        ),
    ],
)
def test_what_may_not_be_meant_is_noted(given: str, note: str) -> None:
    _, problems, notes = read(f"  x: {{{given}}}")
    assert problems == []
    assert notes == [note]


@pytest.mark.parametrize("text", ["1:30", "010", "yes", "OFF", "64_128", "1:30.5", "1e3"])
def test_the_advice_to_keep_a_text_is_true(text: str) -> None:
    """Quotes where the note of the reader says so, and the tag where those are not enough."""
    (_, problems, notes), (kept, _, no_notes) = (
        read(f"  x: {{value: {each}}}\n  y: {{values: [{each}]}}")
        for each in (text, f"!!str {text}" if text == "1e3" else f"'{text}'")
    )
    note = "\n".join([*notes, *load(f"x: {text}", "s.yaml").notes])
    assert ("quote it to mean the text" if text != "1e3" else "write !!str 1e3") in note
    assert (problems, no_notes) == ([], [])
    assert repr([kept[name].distribution.ppf(0.5) for name in "xy"]) == repr([text, text])


@pytest.mark.parametrize(
    "given",
    [
        "values: ['5', '6']",
        "values: [v1e-3, 1e, e-3]",
        "values: [!!str 1e-3, none, {a: !!str 1e-3}]",
    ],
)
def test_what_is_surely_meant_is_not_noted(given: str) -> None:
    assert read(f"  x: {{{given}}}")[1:] == ([], [])
