"""YAML with positions: what is accepted, where things are, and every way to be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.reading import loader
from pcsearch.sweeps.reading.document import Document
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.reading.text import read_text


def lines_of(text: str) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        load(text, "sweep.yaml")
    return str(caught.value).splitlines()


TEXT = """\
method: grid
parameters:
  lr:
    values: [0.1, 0.2,
             0.3]
  é: {value: x}
"""


COLON = "check the indentation, and quote text that holds a colon"
TAB = "a tab, where YAML takes only spaces as indentation; replace the tabs by spaces"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "sweep.yaml: the file is empty"),
        ("# only a comment\n", "sweep.yaml: the file is empty"),
        ("---\n", "sweep.yaml: the file is empty"),
        (
            "- a\n- b\n",
            "sweep.yaml:1:1: a sweep file is a mapping of keys such as method and parameters",
        ),
        (
            "text",
            "sweep.yaml:1:1: a sweep file is a mapping of keys such as method and parameters",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "sweep.yaml:2:1: a sweep file holds one YAML document; here begins another",
        ),
        ("a: b: c", "sweep.yaml:1:5: mapping values are not allowed in this context; " + COLON),
        (
            "a: [1\n",
            "sweep.yaml:2:1: while parsing a flow sequence, did not find expected ',' or ']'; "
            "close the '[' of line 1, or put a comma between its parts",
        ),
        (
            "a:\n  b: {min: 1\n  c: 2\n",
            "sweep.yaml:3:4: while parsing a flow mapping, did not find expected ',' or '}'; "
            "close the '{' of line 2, or put a comma between its parts",
        ),
        (
            "a: @b",
            "sweep.yaml:1:4: while scanning for the next token, found character that cannot "
            "start any token; quote text that begins with it",
        ),
        (
            "a:\n  b: 1\n   c: 2",
            "sweep.yaml:3:5: mapping values are not allowed in this context; " + COLON,
        ),
        (
            "a:\n  b: 1\n c: 2",
            "sweep.yaml:3:2: while parsing a block mapping, did not find expected key; "
            "check the indentation",
        ),
        ("a:\n\tb: 1", "sweep.yaml:2:1: " + TAB),
        ("a:\n  b: 1\n\tc: 2", "sweep.yaml:3:1: " + TAB),
        ("a:\n  - 1\n  \t- 2", "sweep.yaml:3:3: " + TAB),
        ("a: 1\n  \tb: 2", "sweep.yaml:2:3: " + TAB),
        ("a: |\n\ttext", "sweep.yaml:2:1: " + TAB),
        ("a: *x", "sweep.yaml:1:4: a: alias *x without an anchor &x above it"),
        ("a: \x07", "sweep.yaml:1:4: character U+0007 is not allowed in YAML"),
        ("a: 1\nb: \ud800", "sweep.yaml:2:4: character U+D800 is not allowed in YAML"),
        ("a: 1\nb: 2\na: [3]", "sweep.yaml:3:1: a: given twice; the first is on line 1"),
        ("a: {b: 1, b: [1]}", "sweep.yaml:1:11: a.b: given twice; the first is on line 1"),
        ("? [a]\n: 1", "sweep.yaml:1:3: a key must be a plain value, not a list"),
        ("x: {{a: 1}: 1}", "sweep.yaml:1:5: x: a key must be a plain value, not a mapping"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "sweep.yaml:1:4: a: tag !!python/object/apply:os.system is not supported; "
            "only plain values are",
        ),
        ("a: !x 1", "sweep.yaml:1:4: a: tag !x is not supported; only plain values are"),
        ("a: !!set {b}", "sweep.yaml:1:4: a: tag !!set is not supported; only plain values are"),
        (
            "a: !!binary aaaa",
            "sweep.yaml:1:4: a: tag !!binary is not supported; only plain values are",
        ),
        ("a: !!int x", "sweep.yaml:1:4: a: 'x' cannot be read as a whole number"),
        ("a: !!bool x", "sweep.yaml:1:4: a: 'x' cannot be read as true or false"),
        ("a: &a [*a]", "sweep.yaml:1:8: a.0: an alias stands inside what it repeats"),
        ("a: {<<: 5}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
        ("a: {<<: [{b: 1}, 5]}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    assert lines_of(text) == [line]


def test_pure_python_loader_gives_the_same_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load(TEXT, "f")
    monkeypatch.setattr(loader, "Loader", yaml.SafeLoader)
    actual = load(TEXT, "f")
    assert actual.value == expected.value
    path = ("parameters", "lr", "values", 2)
    assert actual.position(path) == expected.position(path)
    assert lines_of("a: b: c") == ["sweep.yaml:1:5: mapping values are not allowed here; " + COLON]


YAML_CHARACTERS = "ab: \n\t-[]{},&*!<>|'\"#%?~01.e+\ufeffé\x00\x85"
yaml_like = st.text(alphabet=st.sampled_from(YAML_CHARACTERS))


def outcome(attempt: Callable[[], Document]) -> Document | PcsearchError:
    try:
        return attempt()
    except PcsearchError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), yaml_like))
def test_any_text_gives_a_document_or_one_line_problems(text: str) -> None:
    result = outcome(lambda: load(text, "f"))
    if isinstance(result, PcsearchError):
        assert len(str(result).splitlines()) == len(result.problems)
        assert all(str(problem).startswith("f:") for problem in result.problems)


@settings(max_examples=100, deadline=None)
@given(content=st.binary())
def test_any_bytes_give_a_document_or_one_line_problems(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    result = outcome(lambda: load(read_text(path), str(path)))
    if isinstance(result, PcsearchError):
        assert len(str(result).splitlines()) == len(result.problems)
