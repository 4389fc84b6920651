"""Values of a program, which a sweep file has as they are, or cannot have."""

from __future__ import annotations

import enum
import http
from typing import Any

import numpy as np
import pytest

from pcsearch.errors import PcsearchError
from pcsearch.library.values import as_text, plain_mapping
from pcsearch.sweeps.reading.loader import load


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1e-05, 1e-05),
        (1e20, 1e20),
        (True, True),
        (None, None),
        ("1", "1"),
        ("true", "true"),
        ("größe: [a", "größe: [a"),
        ((1, 2.5), [1, 2.5]),
        (np.float64(0.1), 0.1),
        (np.linspace(0, 1, 3), [0.0, 0.5, 1.0]),
        (np.array([np.int64(3)]), [3]),
        (Colour.RED, "red"),
        (http.HTTPStatus.OK, 200),
        ({"a": {"b": (1,)}}, {"a": {"b": [1]}}),
        (float("inf"), float("inf")),
    ],
)
def test_a_value_is_read_as_it_was_given(value: Any, read: Any) -> None:
    back = load(as_text({"key": value}), "").value["key"]
    assert (back, type(back)) == (read, type(read))


def test_a_list_in_two_places_is_two_lists() -> None:
    shared = [1, 2]
    assert load(as_text({"a": shared, "b": shared}), "").value == {"a": [1, 2], "b": [1, 2]}


def test_every_value_that_no_file_can_have_is_named() -> None:
    with pytest.raises(PcsearchError) as caught:
        as_text({"parameters": {"x": {"values": [1, {2}]}, 3: None, "f": {"value": len}}})
    assert str(caught.value).splitlines() == [
        "parameters.x.values.1: a value of type set cannot be in a sweep; "
        "give numbers, texts or lists",
        "parameters: the key 3 is no text",
        "parameters.f.value: a value of type builtin_function_or_method cannot be in a sweep; "
        "give numbers, texts or lists",
    ]


def test_a_mapping_in_itself_is_a_line() -> None:
    mapping: dict[str, Any] = {}
    mapping["set"] = mapping
    with pytest.raises(PcsearchError, match="set: a mapping or a list is in itself"):
        plain_mapping(mapping, "set")
