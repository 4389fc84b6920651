"""Values are written so that a sweep file reads the same ones."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.sweeps.configurations import Grid
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.numbers import Text
from pcsearch.sweeps.sweep import parse_sweep
from pcsearch.sweeps.writing import to_yaml


def read_again(value: Any) -> Any:
    text = to_yaml({"method": "grid", "parameters": {"x": {"value": value}}})
    return Grid(parse_sweep(text, "s.yaml")).config(0)["x"]


@pytest.mark.parametrize("text", ["1e3", "-.5E-2", "1.e9", "5", "010", "yes", "null", "", "x", "~"])
def test_text_is_read_as_text(text: str) -> None:
    for value in (text, [text], {"a": [text, 1]}):
        assert identity(read_again(value)) == identity(value)
        assert yaml.safe_load(to_yaml(value)) == value, "and so does any other reader"


def test_only_text_that_would_be_read_as_a_number_has_a_tag() -> None:
    assert to_yaml({"b": "1e3", "a": ["x", 1e22, "5", True]}) == (
        "b: !!str '1e3'\na:\n- x\n- 1.0e+22\n- '5'\n- true\n"
    )
    assert to_yaml([Text("1e3"), Text("5")]) == "- !!str '1e3'\n- '5'\n"


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text("aé 1e.-+3")
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1e3"), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(values)
def test_any_value_is_read_as_the_same(value: Any) -> None:
    assert identity(read_again(value)) == identity(value)
