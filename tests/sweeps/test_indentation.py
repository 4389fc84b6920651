"""Parameters at a wrong level of a file: the message names them and says what to check."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from pcsearch.sweeps.indentation import (
    MAY_BE_MAPPINGS,
    inside_message,
    is_entry,
    outdented,
    strays,
)
from pcsearch.sweeps.parameter_entry import KEYS
from pcsearch.sweeps.sweep import InvalidSweepError, parse_sweep


def problems_of(parameters: str) -> list[str]:
    with pytest.raises(InvalidSweepError) as caught:
        parse_sweep(f"method: random\nparameters:\n{parameters}", "s.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        (
            "  lr:\n    min: 0\n    max: 1\n    batch:\n      values: [8, 16]\n",
            ["6:5: parameters.lr: batch is inside the parameter lr; check the indentation"],
        ),
        (
            "  lr:\n    value: 1\n    x: {min: 1, max: 2}\n    oops: 3\n    y: {value: {a: 1}}\n",
            [
                "5:5: parameters.lr: x and y are inside the parameter lr; check the indentation",
                "6:5: parameters.lr.oops: unknown key",
            ],
        ),
        (
            "  opt:\n    parameters:\n      a: {value: 1}\n    batch: {values: [8]}\n",
            ["6:5: parameters.opt: batch is inside the parameter opt; check the indentation"],
        ),
        (
            "  opt:\n    parameters:\n      a:\n        value: 1\n        z: {values: [8]}\n",
            [
                "7:9: parameters.opt.parameters.a: z is inside the parameter a; check the "
                "indentation"
            ],
        ),
        (
            "  lr:\n    min: 0\n    max: 1\n    batch:\n    distributon:\n    null:\n",
            [
                "6:5: parameters.lr: batch is inside the parameter lr; check the indentation",
                "7:5: parameters.lr.distributon: unknown key; did you mean 'distribution'?",
                "8:5: parameters.lr.null: unknown key",
            ],
        ),
        (
            "  lr:\n    min: 0\n    max: 1\n    sigma: {values: [1, 2]}\n    q: {min: 1, max: 3}\n",
            ["6:5: parameters.lr: sigma and q are inside the parameter lr; check the indentation"],
        ),
        (
            "  lr:\n    max: 1\n    min: {values: [1, 2]}\n",
            [
                "4:5: parameters.lr: max without min",
                "5:5: parameters.lr: min is inside the parameter lr; check the indentation",
            ],
        ),
        (
            "  opt:\n    parameters:\n      a: {value: 1}\n    b: {values: [8]}\n    q: 1\n",
            [
                "6:5: parameters.opt: b is inside the parameter opt; check the indentation",
                "7:5: parameters.opt.q: parameters and q exclude each other; keep one",
            ],
        ),
        (
            "  lr:\n  min: 0\n  max: 1\n  batch: {value: 3}\n  seed:\n  value: 3\n",
            [
                "3:3: parameters.lr: is empty; check the indentation of min and max, which follow",
                "7:3: parameters.seed: is empty; check the indentation of value, which follows",
            ],
        ),
        (
            "lr:\n  value: 1\nname: x\n",
            ["2:1: parameters: is empty; check the indentation of lr"],
        ),
        (
            "  opt:\n    lr: {value: 1}\n",
            [
                "3:3: parameters.opt: nested parameters stand in a mapping; write "
                "{parameters: {...}}"
            ],
        ),
    ],
)
def test_the_message_names_what_is_at_a_wrong_level(parameters: str, problems: list[str]) -> None:
    assert problems_of(parameters) == [f"s.yaml:{line}" for line in problems]


def test_a_parameter_outside_of_parameters_is_noted() -> None:
    text = "method: random\nparameters:\n  a: {value: 1}\nlr: {value: 1}\nx: {y: 1}\n"
    assert parse_sweep(text, "s.yaml").notes == (
        "s.yaml:4:1: lr: unknown key, not used; if it is a parameter, check the indentation: under "
        "parameters?",
        "s.yaml:5:1: x: unknown key, not used",
    )


def test_parameters_may_have_the_names_of_keys() -> None:
    text = "method: grid\nparameters:\n  min: {value: 1}\n  o: {parameters: {a: {value: 1}}}\n"
    assert list(parse_sweep(text, "s.yaml").parameters) == ["min", "o.a"]
    assert not is_entry({"a": {"value": 1}}, KEYS)
    assert strays({"a": {"value": 1}, "x": {"value": 1}}, KEYS) == []
    assert outdented({"lr": None, "min": {"value": 1}, "max": 1}, "lr", KEYS) == []


entries = st.sampled_from(
    [{"value": 1}, {"values": [1, 2]}, {"min": 0, "max": 1}, {"distribution": "normal"}]
)
names = st.one_of(
    st.text("lmxyz", min_size=2, max_size=6),
    st.sampled_from([key for key in KEYS if key not in MAY_BE_MAPPINGS]),
)


@given(names, entries, st.dictionaries(names, entries, min_size=1, max_size=3))
def test_any_parameters_inside_another_one_are_named(
    name: str, entry: dict[str, object], inside: dict[str, dict[str, object]]
) -> None:
    inside = {each: value for each, value in inside.items() if each not in entry}
    assume(inside)
    (line,) = problems_of(
        "".join(
            f"  {row}\n"
            for row in yaml.safe_dump({name: {**entry, **inside}}, sort_keys=False).splitlines()
        )
    )
    assert line.endswith(f"parameters.{name}: {inside_message(inside, name)}")
