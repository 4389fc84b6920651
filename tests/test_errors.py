"""What an error for users says, and that it is the same in another process."""

from __future__ import annotations

import pickle

import pytest

from pcsearch.errors import PcsearchError, Problem

TWO = [Problem("is wrong", "s.yaml:1:2", "metric"), Problem("is missing")]


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is wrong"), "is wrong"),
        (Problem("is wrong", "--seed"), "--seed: is wrong"),
        (Problem("is wrong", key="metric.name"), "metric.name: is wrong"),
        (Problem("is wrong", "s.yaml:3:1", "metric"), "s.yaml:3:1: metric: is wrong"),
    ],
)
def test_a_problem_says_where_it_is_first(problem: Problem, text: str) -> None:
    assert str(problem) == text


@pytest.mark.parametrize(
    ("given", "lines"),
    [("gone", ["gone"]), (TWO[0], [str(TWO[0])]), (TWO, [str(TWO[0]), "is missing"])],
)
def test_an_error_has_a_line_for_each_problem(
    given: str | Problem | list[Problem], lines: list[str]
) -> None:
    error = PcsearchError(given)
    assert str(error).splitlines() == [str(problem) for problem in error.problems] == lines


def test_an_error_of_another_process_is_the_same() -> None:
    again = pickle.loads(pickle.dumps(PcsearchError(TWO)))  # noqa: S301 - made here
    assert isinstance(again, PcsearchError)
    assert again.problems == tuple(TWO)
