"""Documents: the place of every key and item, and the problems of their keys."""

from __future__ import annotations

import pytest

from pcsearch.sweeps.reading.loader import load

TEXT = """\
method: grid
parameters:
  lr:
    values: [0.1, 0.2,
             0.3]
  é: {value: x}
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), "sweep.yaml:1:1"),
        (("method",), "sweep.yaml:1:1"),
        (("parameters",), "sweep.yaml:2:1"),
        (("parameters", "lr"), "sweep.yaml:3:3"),
        (("parameters", "lr", "values"), "sweep.yaml:4:5"),
        (("parameters", "lr", "values", 0), "sweep.yaml:4:14"),
        (("parameters", "lr", "values", 2), "sweep.yaml:5:14"),
        (("parameters", "é", "value"), "sweep.yaml:6:7"),
    ],
)
def test_position_is_of_the_key_or_item(path: tuple[object, ...], position: str) -> None:
    assert load(TEXT, "sweep.yaml").position(path) == position


def test_position_of_what_is_missing_is_that_of_the_nearest_part_there_is() -> None:
    document = load(TEXT, "sweep.yaml")
    assert document.position(("parameters", "lr", "values", 7, "x")) == "sweep.yaml:4:5"
    assert document.position(("nowhere",)) == "sweep.yaml:1:1"


def test_problem_is_named_by_its_path_and_placed_at_the_key_in_question() -> None:
    problem = load(TEXT, "sweep.yaml").problem(("parameters", "lr"), "wrong", at=("values",))
    assert str(problem) == "sweep.yaml:4:5: parameters.lr: wrong"


def test_unknown_and_refused_keys_are_problems_at_their_places() -> None:
    document = load("a: [{name: x, nme: y, code: z}]", "f")
    problems = document.unknown_keys(("a", 0), ("name",), {"code": "is not run"})
    assert [str(problem) for problem in problems] == [
        "f:1:15: a.0.nme: unknown key; did you mean 'name'?",
        "f:1:23: a.0.code: is not run",
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), "f:1:1: a: must be a mapping; write a: {b: 1}"),
        (("a", 1), "f:1:8: a.1: must be a mapping; write {b: 1}"),
    ],
)
def test_what_is_not_a_mapping_gets_an_example(path: tuple[object, ...], line: str) -> None:
    assert str(load("a: [1, 2]", "f").not_a_mapping(path, "{b: 1}")) == line


def test_value_at_a_path() -> None:
    assert load("a: [1, {b: 2}]", "f").at(("a", 1, "b")) == 2
