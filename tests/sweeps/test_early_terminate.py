"""Hyperband: its rungs, and each mistake's exact line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.errors import Problem
from pcsearch.sweeps.early_terminate import Hyperband, parse_early_terminate
from pcsearch.sweeps.positions import load


def parse(given: str) -> tuple[Hyperband | None, list[str]]:
    problems: list[Problem] = []
    document = load(f"early_terminate: {given}", "sweep.yaml")
    result = parse_early_terminate(document, ("early_terminate",), problems=problems)
    return result, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("hyperband", "max_epochs", "rungs"),
    [
        (Hyperband(1), 27, (1, 3, 9)),
        (Hyperband(1), 28, (1, 3, 9, 27)),
        (Hyperband(2, 2), 20, (2, 4, 8, 16)),
        (Hyperband(5), 5, ()),
        (Hyperband(5), 1, ()),
        (Hyperband(1, 2.5), 17, (1, 3, 7, 16)),
        (Hyperband(1, 1.25), 6, (1, 2, 3, 4, 5)),
        (Hyperband(10**400), 100, ()),
        (Hyperband(3, 1_000_000), 100, (3,)),
    ],
)
def test_rungs_are(hyperband: Hyperband, max_epochs: int, rungs: tuple[int, ...]) -> None:
    assert hyperband.rungs(max_epochs) == rungs


@given(st.integers(1, 50), st.floats(1.01, 10), st.integers(1, 1000))
def test_rungs_rise_from_min_iter_and_stay_below_the_last_epoch(
    min_iter: int, eta: float, max_epochs: int
) -> None:
    rungs = Hyperband(min_iter, eta).rungs(max_epochs)
    assert list(rungs) == sorted(set(rungs))
    assert all(min_iter <= rung < max_epochs for rung in rungs)
    assert (min_iter in rungs) == (min_iter < max_epochs)


@pytest.mark.parametrize(
    ("given", "hyperband"),
    [
        ("{type: hyperband, min_iter: 3}", Hyperband(3, 3)),
        ("{type: hyperband, min_iter: 1e1, eta: 2.5}", Hyperband(10, 2.5)),
    ],
)
def test_hyperband_is_read(given: str, hyperband: Hyperband) -> None:
    assert parse(given) == (hyperband, [])


PLACE = "sweep.yaml:1:1: early_terminate: "


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            "hyperband",
            PLACE + "must be a mapping; write early_terminate: {type: hyperband, min_iter: 3}",
        ),
        ("{min_iter: 3}", PLACE + "needs type: hyperband"),
        ("{type: hyperband}", PLACE + "needs min_iter, the first epoch to stop trials at"),
        (
            "{type: median, min_iter: 3}",
            "sweep.yaml:1:19: early_terminate.type: "
            "'median' is not supported; the only type is hyperband",
        ),
        (
            "{min_iter: 0, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.min_iter: 0 is not a whole number from 1",
        ),
        (
            "{min_iter: true, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.min_iter: true is not a whole number from 1",
        ),
        (
            "{min_iter: 1.5, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.min_iter: 1.5 is not a whole number from 1",
        ),
        (
            "{eta: 1, min_iter: 1, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.eta: 1 is not a number from 1.01 to 1000000",
        ),
        (
            "{eta: .nan, min_iter: 1, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.eta: nan is not a number from 1.01 to 1000000",
        ),
        (
            "{eta: null, min_iter: 1, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.eta: null is not a number from 1.01 to 1000000",
        ),
        (
            "{max_iter: 27, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.max_iter: max_iter is not supported yet; "
            "give min_iter, the first epoch to stop trials at",
        ),
        (
            "{strict: true, min_iter: 3, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.strict: strict is not supported yet; "
            "remove it: trials are compared as they arrive",
        ),
        (
            "{min_itr: 2, min_iter: 3, type: hyperband}",
            "sweep.yaml:1:19: early_terminate.min_itr: unknown key; did you mean 'min_iter'?",
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(given: str, line: str) -> None:
    assert parse(given) == (None, [line])


def test_every_mistake_is_reported() -> None:
    _, problems = parse("{type: 1, min_iter: 0, eta: x, s: 2}")
    assert len(problems) == 4
