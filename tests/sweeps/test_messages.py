"""Parts of messages: always one printable line."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.sweeps.messages import bare, listed, shown, suggestion


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([1, False], "[1, false]"),
        ("a\nb", "'a\\nb'"),
        ("\u2028", "'\\u2028'"),
        ({"a": [1.5]}, "{'a': [1.5]}"),
    ],
)
def test_value_is_shown_as_in_yaml(value: Any, text: str) -> None:
    assert shown(value) == text


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) == 60
    assert len(shown(list(range(1000)))) < 60


@pytest.mark.parametrize(
    ("name", "text"), [("lr", "lr"), ("", "''"), ("a\tb", "'a\\tb'"), (5, "5"), (None, "null")]
)
def test_name_is_bare_unless_it_would_be_unclear(name: Any, text: str) -> None:
    assert bare(name) == text
    assert len(bare("x" * 61)) == 60


def test_nearest_name_is_suggested() -> None:
    assert suggestion("vales", ("value", "values")) == "; did you mean 'values'?"
    assert suggestion("zzz", ("value", "values")) == ""
    assert suggestion("VALUE", ("value", "values")) == "; did you mean 'value'?"
    assert suggestion("valmetrics/mse", ("ValMetrics/mse",)) == "; did you mean 'ValMetrics/mse'?"
    assert suggestion(5, ("value",)) == ""


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_names_are_listed_in_words(names: list[str], text: str) -> None:
    assert listed(names) == text
