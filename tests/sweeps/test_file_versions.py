"""What a sweep file means in the experiments of earlier versions."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.file_versions import FIRST, NEWEST, Language
from pcsearch.sweeps.sweep import Sweep, parse_sweep

TEXT = """\
method: {method}
metric: {{name: loss}}
parameters:
  a: {{values: [1, 2, 1.0, true, x, x]}}
  q: {{distribution: q_uniform, min: 2.0, max: 4}}
  n:
    parameters:
      given: {{distribution: q_uniform, min: 0.0, max: 9.5, q: 4}}
      real: {{distribution: q_uniform, min: 1, max: 3, q: 1.0}}
"""


def sweep_of(language: Language, method: str = "grid") -> Sweep:
    return parse_sweep(TEXT.format(method=method), "s.yaml", language=language)


def grid_of(sweep: Sweep) -> dict[str, str]:
    """The grid's values of each parameter, with their types."""
    return {
        name: repr(list(each.distribution.grid() or ())) for name, each in sweep.parameters.items()
    }


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            FIRST,
            {
                "a": "[1.0, 2, True, 'x']",
                "q": "[2, 3]",
                "n.given": "[0, 4, 8]",
                "n.real": "[1.0, 2.0]",
            },
        ),
        (
            NEWEST,
            {
                "a": "[1, 2, 1.0, True, 'x']",
                "q": "[2.0, 3.0]",
                "n.given": "[0.0, 4.0, 8.0]",
                "n.real": "[1.0, 2.0]",
            },
        ),
    ],
)
def test_grid_of_each_language(language: Language, expected: dict[str, str]) -> None:
    sweep = sweep_of(language)
    assert grid_of(sweep) == expected
    assert Grid(sweep).size == {FIRST: 48, NEWEST: 60}[language]


def test_neither_a_tag_nor_the_model_changed_a_number_in_text() -> None:
    values = "a: {value: !!str 1e3}, b: {values: [!!str 1e3, 2e3]}, c: {value: [{d: !!str 1e3}]}"
    text = f"method: grid\nparameters: {{{values}, e: {{value: 1e3}}}}\n"
    first, newest = (
        Grid(parse_sweep(text, "s.yaml", whole=lambda _: True, language=each)).config(0)
        for each in (FIRST, NEWEST)
    )
    assert repr(first) == "{'a': 1000.0, 'b': 1000.0, 'c': [{'d': '1e3'}], 'e': 1000.0}"
    assert repr(newest) == "{'a': '1e3', 'b': '1e3', 'c': [{'d': '1e3'}], 'e': 1000}"


def types_of(config: dict[str, Any]) -> list[type]:
    return [type(config["q"]), type(config["n"]["given"]), type(config["n"]["real"])]


def test_draws_of_each_language_differ_in_the_type_of_a_q_that_is_not_given() -> None:
    before, now = (RandomDraws(sweep_of(each, "random"), 5) for each in (FIRST, NEWEST))
    for number in range(50):
        one, other = before.config(number), now.config(number)
        assert one == other
        assert repr(one["a"]) == repr(other["a"]), "a random draw is of any of the values, as ever"
        assert (types_of(one), types_of(other)) == ([int, int, float], [float, int, float])


def test_a_parameter_that_was_fixed_on_the_command_line_stays_fixed() -> None:
    text = TEXT.format(method="grid")
    sweep = parse_sweep(text, "s.yaml", overrides={"q": 7.0, "new": 1}, language=FIRST)
    assert repr(Grid(sweep).config(0)["q"]) == "7.0"
