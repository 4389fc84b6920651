"""YAML with positions: what is accepted, where things are, and every way to be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.sweeps import yaml_text
from pcsearch.sweeps.positions import Document, load, read


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


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), "sweep.yaml:1:1"),
        (("method",), "sweep.yaml:1:1"),
        (("parameters",), "sweep.yaml:2:1"),
        (("parameters", "lr"), "sweep.yaml:3:3"),
        (("parameters", "lr", "values"), "sweep.yaml:4:5"),
        (("parameters", "lr", "values", 0), "sweep.yaml:4:14"),
        (("parameters", "lr", "values", 2), "sweep.yaml:5:14"),
        (("parameters", "é", "value"), "sweep.yaml:6:7"),
    ],
)
def test_position_is_of_the_key_or_item(path: tuple[object, ...], position: str) -> None:
    assert load(TEXT, "sweep.yaml").position(path) == position


def test_position_of_what_is_missing_is_that_of_the_nearest_part_there_is() -> None:
    document = load(TEXT, "sweep.yaml")
    assert document.position(("parameters", "lr", "values", 7, "x")) == "sweep.yaml:4:5"
    assert document.position(("nowhere",)) == "sweep.yaml:1:1"


def test_problem_is_named_by_its_path_and_placed_at_the_key_in_question() -> None:
    problem = load(TEXT, "sweep.yaml").problem(("parameters", "lr"), "wrong", at=("values",))
    assert str(problem) == "sweep.yaml:4:5: parameters.lr: wrong"


def test_values_are_those_of_yamls_safe_loader() -> None:
    text = "a: [1, -2.5, 1.0e-3, 1e-3, yes, ~, '5', 0x1F, .inf]\nb: {c: |\n  text\n}\n"
    text = text.replace("{c: |\n  text\n}", "{c: text}")
    assert load(text, "f").value == yaml.safe_load(text)


def test_dates_stay_text() -> None:
    assert load("a: 2020-01-02", "f").value == {"a": "2020-01-02"}


def test_explicit_plain_tags_work() -> None:
    assert load('a: !!str 5\nb: !!int "5"', "f").value == {"a": "5", "b": 5}


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
            "sweep.yaml:2:1: while parsing a flow sequence, did not find expected ',' or ']'",
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
        ("a: 1\nb: 2\na: 3", "sweep.yaml:3:1: a: given twice; the first is on line 1"),
        ("a: {b: 1, b: 1}", "sweep.yaml:1:11: a.b: given twice; the first is on line 1"),
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
        ("a: !!int x", "sweep.yaml:1:4: a: 'x' cannot be read as int"),
        ("a: !!bool x", "sweep.yaml:1:4: a: 'x' cannot be read as bool"),
        ("a: &a [*a]", "sweep.yaml:1:8: a.0: an alias stands inside what it repeats"),
        ("a: {<<: 5}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
        ("a: {<<: [{b: 1}, 5]}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    assert lines_of(text) == [line]


def test_whole_numbers_too_long_to_read_are_refused() -> None:
    (line,) = lines_of("a: " + "9" * 5000)
    assert line.startswith("sweep.yaml:1:4: a: '9999")
    assert line.endswith("cannot be read as int")
    assert len(line) < 150


@pytest.mark.usefixtures("each_loader")
def test_half_of_a_character_is_refused_in_yaml_too() -> None:
    (line,) = lines_of(r'a: "\ud83d"')
    assert line.startswith("sweep.yaml:1:")
    assert line.endswith("; write the character itself")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1:30", 90), ("010", 8), ("yes", True), ("OFF", False), ("64_128", 64128), ("1:30.5", 90.5)],
)
def test_what_yaml_1_1_reads_as_few_people_do_is_noted(text: str, value: object) -> None:
    document = load(f"a: [x, {text}, {text}]", "f")
    assert document.value == {"a": ["x", value, value]}
    meaning = str(value).lower()
    (note,) = document.notes
    assert note == (
        f"f:1:8: a.1: {text} is read as {meaning}, as YAML 1.1 has it; quote it to mean the text"
    )


def test_usual_numbers_and_booleans_are_read_without_a_word() -> None:
    text = "a: [1, -2, +3, 0, 0.5, 1.0e-3, 1., .5, true, False, 0x1F, .inf, -.INF, .nan, 089, n]"
    document = load(text, "f")
    assert repr(document.value) == repr(yaml.safe_load(text))
    assert document.notes == ()


def test_pure_python_loader_gives_the_same_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load(TEXT, "f")
    monkeypatch.setattr(yaml_text, "Loader", yaml.SafeLoader)
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
    result = outcome(lambda: read(path))
    if isinstance(result, PcsearchError):
        assert len(str(result).splitlines()) == len(result.problems)
