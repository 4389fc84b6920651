"""Numbers that text spells, and text that only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.numbers import (
    Text,
    as_number,
    as_whole_number,
    numbers_if_meant,
    plain,
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
    given = ["3", "1e3", "adam", 2.0]
    assert repr(numbers_if_meant(given, True, lambda: False)) == "[3, 1000.0, 'adam', 2.0]"
    assert numbers_if_meant(given, False, lambda: False) == given
    assert repr(numbers_if_meant(["1e3", 2], False, lambda: False)) == "[1000.0, 2]"


def test_where_whole_numbers_are_meant_text_that_spells_one_is_an_int() -> None:
    given = ["1e3", "1.5", "2.0", 2.0]
    assert repr(numbers_if_meant(given, True, lambda: True)) == "[1000, 1.5, 2, 2.0]"


def test_text_with_a_tag_stays_text() -> None:
    text = Text("1e3")
    assert as_number(text) is None
    assert not spells_number(text)
    assert list(texts_that_spell_numbers([text])) == []
    assert numbers_if_meant([text, "1e3"], False, lambda: True) == ["1e3", 1000]
    assert numbers_if_meant([text], True, lambda: True) == ["1e3"]
    value = plain({"a": [text, 1], "b": text})
    assert value == {"a": ["1e3", 1], "b": "1e3"}
    assert [type(value["a"][0]), type(value["b"])] == [str, str]


def test_texts_that_spell_numbers_are_found_at_any_depth() -> None:
    assert list(texts_that_spell_numbers({"a": ["1e3", {"b": "2e-1"}], "c": "3"})) == [
        "1e3",
        "2e-1",
    ]
