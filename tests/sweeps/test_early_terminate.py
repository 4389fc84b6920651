"""Hyperband: its rungs, and each mistake's exact line."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.early_terminate import Hyperband, parse_early_terminate, rung_problem
from pcsearch.sweeps.matching.differences import as_mapping
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.sweep import parse_sweep

MOST = 10**9
SEVERAL = """method: custom
scheduler: {engine: optuna}
metrics: [{name: cost}, {name: y, goal: maximize}]
parameters: {x: {min: 0.0, max: 1.0}}
"""


def parse(given: str) -> tuple[Hyperband | None, list[str], list[str]]:
    problems: list[Problem] = []
    notes: list[str] = []
    document = load(f"early_terminate: {given}", "sweep.yaml")
    result = parse_early_terminate(document, ("early_terminate",), problems=problems, notes=notes)
    return result, [str(problem) for problem in problems], notes


def down(max_iter: int, s: int, eta: float = 3) -> Hyperband:
    return Hyperband(max_iter=max_iter, s=s, eta=eta)


@pytest.mark.parametrize(
    ("hyperband", "max_epochs", "rungs"),
    [
        (Hyperband(1), 27, (1, 3, 9)),
        (Hyperband(1), 28, (1, 3, 9, 27)),
        (Hyperband(2, 2), 20, (2, 4, 8, 16)),
        (Hyperband(5), 5, ()),
        (Hyperband(5), 1, ()),
        (Hyperband(3, 2.5), 100, (3, 7, 18, 46)),
        (Hyperband(1, 2.5), 17, (1, 2, 6, 15)),
        (Hyperband(1, 1.25), 6, (1, 2, 3, 4, 5)),
        (Hyperband(10**400), 100, ()),
        (Hyperband(3, 1_000_000), 100, (3,)),
        (Hyperband(3, 1e308), 100, (3,)),
        (Hyperband(3, 10**400), 100, (3,)),
        (Hyperband(3), 10**400, tuple(3**k for k in range(1, 19))),
    ],
)
def test_rungs_up_from_min_iter_are(
    hyperband: Hyperband, max_epochs: int, rungs: tuple[int, ...]
) -> None:
    assert hyperband.rungs(max_epochs) == rungs


@pytest.mark.parametrize(
    ("hyperband", "max_epochs", "rungs"),
    [
        (down(27, 2), 100, (3, 9)),
        (down(27, 3), 100, (1, 3, 9)),
        (down(27, 9), 100, (1, 3, 9)),
        (down(27, 2), 27, (3, 9)),
        (down(27, 2), 9, (3,)),
        (down(27, 2), 3, ()),
        (down(100, 3), 200, (3, 11, 33)),
        (down(5, 2, 2), 200, (1, 2)),
        (down(5, 4, 1.5), 200, (1, 2, 3)),
        (down(300, 1), 30, ()),
        (down(MOST, MOST, 10), MOST, tuple(10**k for k in range(9))),
    ],
)
def test_rungs_down_from_max_iter_are(
    hyperband: Hyperband, max_epochs: int, rungs: tuple[int, ...]
) -> None:
    assert hyperband.rungs(max_epochs) == rungs


@given(st.integers(1, 50), st.floats(1.01, 10), st.integers(1, 1000))
def test_rungs_rise_from_min_iter_and_stay_below_the_last_epoch(
    min_iter: int, eta: float, max_epochs: int
) -> None:
    rungs = Hyperband(min_iter, eta).rungs(max_epochs)
    assert list(rungs) == sorted(set(rungs))
    assert all(min_iter <= rung < max_epochs for rung in rungs)
    assert (min_iter in rungs) == (min_iter < max_epochs)


@given(st.integers(1, 1000), st.integers(1, 8), st.sampled_from([2, 3, 4, 2.5]))
def test_rungs_below_max_iter_are_its_quotients(max_iter: int, s: int, eta: float) -> None:
    quotients = [max_iter / eta**i for i in range(1, s + 1)]
    expected = sorted({math.floor(quotient) for quotient in quotients if quotient >= 1})
    assert list(down(max_iter, s, eta).rungs(None)) == expected


def test_rungs_of_trials_of_unknown_length_end_somewhere() -> None:
    assert Hyperband(1).rungs(None) == tuple(3**k for k in range(19))
    assert Hyperband(MOST).rungs(None) == (MOST,)
    assert Hyperband(100, 1.1).rungs(None)[-1] == int(100 * 1.1**99)
    assert down(27, 2).rungs(None) == (3, 9)


@pytest.mark.parametrize(
    "hyperband",
    [Hyperband(1, 1 + 1e-15), down(MOST, MOST, 1 + 1e-15), down(MOST, MOST, 1.003)],
)
def test_rungs_never_take_long(hyperband: Hyperband) -> None:
    start = time.process_time()
    hyperband.rungs(None)
    hyperband.rungs(MOST)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("hyperband", "max_epochs", "problem"),
    [
        (Hyperband(9), 10, None),
        (
            Hyperband(10),
            10,
            "no trial would be stopped: the first rung is epoch 10 and the longest trial ends "
            "at epoch 10; lower min_iter or train longer",
        ),
        (down(27, 2), 4, None),
        (
            down(27, 2),
            3,
            "no trial would be stopped: the first rung is epoch 3 and the longest trial ends "
            "at epoch 3; lower max_iter, raise s or train longer",
        ),
    ],
)
def test_rungs_that_no_trial_reaches_are_a_problem(
    hyperband: Hyperband, max_epochs: int, problem: str | None
) -> None:
    assert rung_problem(hyperband, max_epochs) == problem


@pytest.mark.parametrize(
    ("given", "hyperband"),
    [
        ("{type: hyperband, min_iter: 3}", Hyperband(3, 3)),
        ("{type: hyperband, min_iter: 1e1, eta: 2.5}", Hyperband(10, 2.5)),
        ("{type: hyperband, min_iter: '3', eta: '4'}", Hyperband(3, 4)),
        ("{type: hyperband, min_iter: 3.0, strict: false}", Hyperband(3, strict=False)),
        ("{type: hyperband, min_iter: 3, strict: true}", Hyperband(3, strict=True)),
        ("{type: hyperband, max_iter: 27, s: 2}", down(27, 2)),
        ("{type: hyperband, max_iter: 1e2, s: 2.0, eta: 1.001}", down(100, 2, 1.001)),
    ],
)
def test_hyperband_is_read(given: str, hyperband: Hyperband) -> None:
    assert parse(given) == (hyperband, [], [])


@pytest.mark.parametrize(
    ("given", "hyperband", "note"),
    [
        (
            "{type: hyperband, min_iter: 4, max_iter: 27, s: 2}",
            down(27, 2),
            "early_terminate: min_iter is not used; the rungs are those of max_iter and s",
        ),
        (
            "{type: hyperband, min_iter: 4, max_iter: 27}",
            Hyperband(4),
            "early_terminate: max_iter is not used without s; the rungs are those of min_iter",
        ),
        (
            "{type: hyperband, min_iter: 4, s: 2}",
            Hyperband(4),
            "early_terminate: s is not used without max_iter; the rungs are those of min_iter",
        ),
    ],
)
def test_a_key_that_is_not_used_is_a_note(given: str, hyperband: Hyperband, note: str) -> None:
    assert parse(given) == (hyperband, [], [note])


PLACE = "sweep.yaml:1:1: early_terminate: "
KEY = "sweep.yaml:1:19: early_terminate."
MISTAKES: dict[str, str] = {
    "hyperband": PLACE + "must be a mapping; write early_terminate: {type: hyperband, min_iter: 3}",
    "": PLACE + "must be a mapping; write early_terminate: {type: hyperband, min_iter: 3}",
    "{min_iter: 3}": PLACE + "needs type: hyperband",
    "{type: hyperband}": PLACE
    + "needs min_iter, the first epoch to stop trials at, or max_iter with s",
    "{type: hyperband, max_iter: 27}": PLACE + "max_iter needs s, the number of rungs below it",
    "{type: hyperband, s: 2}": PLACE + "s needs max_iter, which its rungs lie below",
    "{type: median, min_iter: 3}": KEY
    + "type: 'median' is not supported; the only type is hyperband",
    "{type: hyperbands, min_iter: 3}": KEY
    + "type: 'hyperbands' is not supported; did you mean 'hyperband'?",
    "{type: [hyperband], min_iter: 3}": KEY
    + "type: ['hyperband'] is not supported; the only type is hyperband",
    "{min_iter: 0, type: hyperband}": KEY
    + "min_iter: 0 is not a whole number from 1 to 1000000000",
    "{min_iter: true, type: hyperband}": KEY
    + "min_iter: true is not a whole number from 1 to 1000000000",
    "{min_iter: null, type: hyperband}": KEY
    + "min_iter: null is not a whole number from 1 to 1000000000",
    "{min_iter: 1.5, type: hyperband}": KEY
    + "min_iter: 1.5 is not a whole number from 1 to 1000000000",
    "{max_iter: 0, s: 1, type: hyperband}": KEY
    + "max_iter: 0 is not a whole number from 1 to 1000000000",
    "{max_iter: 2000000000, s: 1, type: hyperband}": KEY
    + "max_iter: 2000000000 is not a whole number from 1 to 1000000000",
    "{s: 0, max_iter: 9, type: hyperband}": KEY + "s: 0 is not a whole number from 1 to 1000000000",
    "{s: 1.5, max_iter: 9, type: hyperband}": KEY
    + "s: 1.5 is not a whole number from 1 to 1000000000",
    "{eta: 1, min_iter: 1, type: hyperband}": KEY
    + "eta: 1 is not a number above 1, at most 1000000000",
    "{eta: .nan, min_iter: 1, type: hyperband}": KEY
    + "eta: nan is not a number above 1, at most 1000000000",
    "{eta: .inf, min_iter: 1, type: hyperband}": KEY
    + "eta: inf is not a number above 1, at most 1000000000",
    "{eta: null, min_iter: 1, type: hyperband}": KEY
    + "eta: null is not a number above 1, at most 1000000000",
    "{strict: 1, min_iter: 3, type: hyperband}": KEY + "strict: 1 is neither true nor false",
    "{strict: 'no', min_iter: 3, type: hyperband}": KEY + "strict: 'no' is neither true nor false",
    "{max_iter: 2, s: 3, type: hyperband}": KEY
    + "max_iter: 2 divided by eta 3 is less than one epoch, so there is no rung; "
    "raise max_iter or lower eta",
    "{min_itr: 2, min_iter: 3, type: hyperband}": KEY
    + "min_itr: unknown key; did you mean 'min_iter'?",
}


@pytest.mark.parametrize(("given", "line"), MISTAKES.items())
def test_mistake_is_one_line_with_its_place(given: str, line: str) -> None:
    assert parse(given) == (None, [line], [])


def test_every_mistake_is_reported() -> None:
    _, problems, notes = parse("{type: 1, min_iter: 0, eta: x, s: -2, strict: 2, more: 1}")
    assert len(problems) == 6
    assert notes == []


ODD: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, "1e1", "2", "x", [], {}]),
)


@given(
    st.dictionaries(st.sampled_from(["min_iter", "max_iter", "s", "eta", "strict"]), ODD),
    st.integers(1, 200),
)
def test_whatever_is_given_is_read_with_rungs_or_refused(
    given: dict[str, Any], max_epochs: int
) -> None:
    mapping = {"type": "hyperband", **given}
    document = load("early_terminate: {}", "sweep.yaml")
    document.value["early_terminate"] = mapping
    problems: list[Problem] = []
    notes: list[str] = []
    result = parse_early_terminate(document, ("early_terminate",), problems=problems, notes=notes)
    assert (result is None) == bool(problems)
    if result is not None:
        assert result.rungs(None)
        assert all(1 <= rung < max_epochs for rung in result.rungs(max_epochs))
        assert (rung_problem(result, max_epochs) is None) == bool(result.rungs(max_epochs))


POWERS = [str(2**k) for k in range(17)]


@pytest.mark.parametrize(
    ("hyperband", "max_epochs", "text"),
    [
        (Hyperband(min_iter=200), None, "200, 600, 1800, 5400, ..."),
        (Hyperband(min_iter=200), 2000, "200, 600, 1800"),
        (Hyperband(min_iter=200), 100, "none"),
        (Hyperband(max_iter=27, s=2), None, "3, 9"),
        (
            Hyperband(min_iter=1, eta=1.5),
            1000,
            "1, 2, 3, 5, 7, 11, 17, 25, 38, 57, 86, 129 and 5 more",
        ),
    ],
)
def test_rungs_in_words(hyperband: Hyperband, max_epochs: int | None, text: str) -> None:
    assert hyperband.describe_rungs(max_epochs) == text


@pytest.mark.parametrize(
    ("named", "kept", "index"),
    [("", None, 0), (", metric: cost", None, 0), (", metric: y", "y", 1)],
)
def test_of_several_metrics_the_first_or_a_named_one_compares_trials(
    named: str, kept: str | None, index: int
) -> None:
    hyperband = f"early_terminate: {{type: hyperband, min_iter: 1{named}}}\n"
    sweep = parse_sweep(SEVERAL + hyperband, "sweep.yaml")
    assert sweep.early_terminate == Hyperband(1, metric=kept)
    assert sweep.compared_by == index
    assert parse_sweep(json.dumps(as_mapping(sweep)), "sweep.json") == sweep


@pytest.mark.parametrize("name", ["costs", "[cost]", "3"])
def test_a_name_of_no_metric_compares_no_trials(name: str) -> None:
    hyperband = f"early_terminate: {{type: hyperband, min_iter: 1, metric: {name}}}\n"
    with pytest.raises(PcsearchError) as caught:
        parse_sweep(SEVERAL + hyperband, "sweep.yaml")
    (problem,) = caught.value.problems
    assert problem.where == "sweep.yaml:5:49"
    assert "is not a metric of the file; " in problem.message
