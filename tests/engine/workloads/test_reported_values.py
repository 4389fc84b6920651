"""What a trial reports, made plain: JSON has all of it, and no name is one of Tune's."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.experiment import Trial

from pcsearch.engine.workloads.reported_values import (
    AS_TEXT,
    LONGEST_TEXT,
    OF_TUNE,
    TUNE_NAMES,
    plain_report,
)


class Colour(enum.IntEnum):
    RED = 1


class Odd:
    def __str__(self) -> str:
        raise RuntimeError

    def tolist(self) -> list[int]:
        raise RuntimeError


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1, 1),
        (True, True),
        (None, None),
        ("a", "a"),
        (10**280, 10**280),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[2.0]]), 2.0),
        (torch.tensor([1.0, 2.0]), [1.0, 2.0]),
        (torch.tensor(3), 3),
        (Colour.RED, 1),
        ((1, 2), [1, 2]),
        ({1: {"a": np.float64(2.0)}}, {"1": {"a": 2.0}}),
    ],
)
def test_what_json_has_keeps_its_value(value: Any, plain: Any) -> None:
    report = plain_report({"x": value})
    assert report == {"x": plain}
    assert type(report["x"]) is type(plain)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 + 2j, "(1+2j)"),
        (np.complex64(1j), "1j"),
        (b"ab", "b'ab'"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        ({3}, "{3}"),
        (Odd(), "<Odd>"),
        (range(3), "range(0, 3)"),
    ],
)
def test_anything_else_becomes_a_text_and_is_named(value: Any, text: str) -> None:
    assert plain_report({"x": value}) == {"x": text, AS_TEXT: ["x"]}
    assert plain_report({"a": {"b": [value, value]}}) == {
        "a": {"b": [text, text]},
        AS_TEXT: ["a/b"],
    }


def test_a_number_that_is_no_float_becomes_a_text() -> None:
    """Python does not write the first; Tune could not average the second."""
    report = plain_report({"x": [10**5000], "y": -(10**400), "z": 10**280})
    bits = [f"a whole number of {count} bits" for count in (16610, 1329)]
    assert report == {"x": bits[:1], "y": bits[1], "z": 10**280, AS_TEXT: ["x", "y"]}
    json.dumps(report)


@pytest.mark.parametrize("value", [2**959, -(2**959), 2**960, 10**400, 1e308, True])
def test_tune_averages_what_is_left(value: float) -> None:
    """It does so for each number of a report, in the process of the search."""
    trial = Trial("made", stub=True)
    for step in range(1, 50):
        report = {"loss": 0.5, **plain_report({"x": value}), "training_iteration": step}
        trial.update_last_result(report)


def test_a_long_text_in_the_place_of_a_value_is_cut() -> None:
    report = plain_report({"x": b"a" * 5000, "y": "a" * 5000})
    assert len(report["x"]) == LONGEST_TEXT + 3
    assert len(report["y"]) == 5000


def test_a_value_that_holds_itself_has_an_end() -> None:
    assert plain_report({"x": ITSELF})[AS_TEXT] == ["x"]


def test_names_of_tune_are_the_users_with_a_prefix() -> None:
    theirs = {"done": True, "config": {"a": 1}, "training_iteration": 7, AS_TEXT: 1, 3: 0.5}
    assert plain_report(theirs) == {
        "user/done": True,
        "user/config": {"a": 1},
        "user/training_iteration": 7,
        f"user/{AS_TEXT}": 1,
        "3": 0.5,
    }
    ours = dict.fromkeys(OF_TUNE, True)
    assert plain_report(ours) == ours
    assert OF_TUNE < TUNE_NAMES
    assert plain_report({"timestamp": 5, "loss": 1.0}) == {"timestamp": 5, "loss": 1.0}


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(),
        st.binary(),
        st.dates(),
        st.sets(st.integers()),
        st.floats(width=32).map(np.float32),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


# Tune has put the names of `OF_TUNE` there; text may be one, as Hypothesis reads the modules.
NAMES = st.one_of(st.text(), st.sampled_from(sorted(TUNE_NAMES))).filter(lambda n: n not in OF_TUNE)


@given(st.dictionaries(NAMES, VALUES))
def test_every_report_can_be_written_and_is_plain_already(report: dict[str, Any]) -> None:
    plain = plain_report(report)
    written = json.dumps(plain)
    assert not TUNE_NAMES & plain.keys()
    again = plain_report({name: value for name, value in plain.items() if name != AS_TEXT})
    again |= {AS_TEXT: plain[AS_TEXT]} if AS_TEXT in plain else {}
    assert json.dumps(again) == written


def test_infinite_numbers_stay() -> None:
    report = plain_report({"a": math.inf, "b": np.float64(math.nan)})
    assert report["a"] == math.inf
    assert math.isnan(report["b"])
    assert AS_TEXT not in report
