"""Numbers that text spells, and text that only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.numbers import (
    as_number,
    as_whole_number,
    number_if_meant,
    spells_number,
    texts_that_spell_numbers,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (-0.5, -0.5),
        ("3", 3),
        ("+3", 3),
        ("1e-3", 0.001),
        (".5E2", 50.0),
        ("1.", 1.0),
        (True, None),
        (None, None),
        ("1_000", None),
        ("nan", None),
        ("٣", None),
        ("9" * 301, None),
    ],
)
def test_number_of_a_value(value: Any, number: float | None) -> None:
    assert repr(as_number(value)) == repr(number)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (3.0, 3), ("1e3", 1000), (0.5, None), ("0.5", None), (float("inf"), None)],
)
def test_whole_number_of_a_value(value: Any, number: int | None) -> None:
    assert repr(as_whole_number(value)) == repr(number)


@pytest.mark.parametrize(
    ("value", "spells"), [("1e-3", True), ("3", False), (3, True), ("e3", False), (True, False)]
)
def test_text_spells_a_number_only_with_an_exponent(value: Any, spells: bool) -> None:
    assert spells_number(value) is spells


def test_all_text_that_spells_a_number_is_one_where_numbers_are_taken() -> None:
    assert number_if_meant("3", numeric=True) == 3
    assert number_if_meant("3", numeric=False) == "3"
    assert number_if_meant("1e3", numeric=False) == 1000
    assert number_if_meant("adam", numeric=True) == "adam"


def test_texts_that_spell_numbers_are_found_at_any_depth() -> None:
    assert list(texts_that_spell_numbers({"a": ["1e3", {"b": "2e-1"}], "c": "3"})) == [
        "1e3",
        "2e-1",
    ]
