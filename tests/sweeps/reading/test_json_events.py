"""JSON instead of YAML: the same values and places, whichever loader PyYAML has."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.reading.loader import load

JSON = """\
{
\t"method": "grid",
\t"parameters": {"a\\/b": {"values": [1e-3, 1E5, 2, -0.5, "1e-3", true, null, []]}},
\t"name": "\\ud83d\\ude00 \\u00e9 \\"",
\t"more": {}
}
"""


@pytest.mark.usefixtures("each_loader")
def test_json_is_read_as_json_whichever_loader_there_is() -> None:
    document = load(JSON, "f")
    assert repr(document.value) == repr(json.loads(JSON))
    assert document.position(("parameters", "a/b", "values", 3)) == "f:3:51"
    assert document.position(("more",)) == "f:5:2"


@pytest.mark.usefixtures("each_loader")
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
    ),
    st.sampled_from([None, 2, "\t"]),
)
@settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_python_writes_as_json_is_read_as_it_was(value: object, indent: int | str) -> None:
    assert repr(load(json.dumps(value, indent=indent), "f").value) == repr(value)


@pytest.mark.usefixtures("each_loader")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1,\n "a": [2]}', "f:2:2: a: given twice; the first is on line 1"),
        (
            r'{"a": "\ud83d"}',
            "f:1:7: a: \\ud83d is half of a character; write the character itself",
        ),
        (
            r'{"a": "\ude00\ud83d"}',
            "f:1:7: a: \\ude00 is half of a character; write the character itself",
        ),
        ('{"a": "\x00"}', "f:1:8: character U+0000 is not allowed in YAML"),
        (
            '{"a": {"b": 1}}\n---\n{}',
            "f:2:1: a sweep file holds one YAML document; here begins another",
        ),
        ("[1]", "f:1:1: a sweep file is a mapping of keys such as method and parameters"),
        ('{"a":' + "[" * 5000, "f:1:105: nested more than 100 levels deep"),
    ],
)
def test_json_is_refused_as_yaml_is(text: str, line: str) -> None:
    with pytest.raises(PcsearchError) as caught:
        load(text, "f")
    assert str(caught.value) == line


def test_json_numbers_too_long_to_read_are_refused() -> None:
    with pytest.raises(
        PcsearchError, match=r"^f:1:7: a: '99.*99' cannot be read as a whole number$"
    ):
        load('{"a": ' + "9" * 5000 + "}", "f")


def test_what_is_only_almost_json_is_read_as_yaml() -> None:
    text = '{"a": [1, 2,], b: "\\/", # comment\n "c": tru, "d": 1e-3}'
    assert load(text, "f").value == {"a": [1, 2], "b": "/", "c": "tru", "d": "1e-3"}


def test_json_may_hold_characters_that_yaml_may_not() -> None:
    value = {"a": "\x7f\x80\x85\u2028\ufeff\uffff"}
    assert load(json.dumps(value, ensure_ascii=False), "f").value == value
    with pytest.raises(PcsearchError, match=r"^f:1:4: character U\+007F is not allowed in YAML$"):
        load("a: \x7f", "f")
