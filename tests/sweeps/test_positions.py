"""YAML with positions: what is accepted, where things are, and every way to be refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.sweeps import positions
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


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(b"\xef\xbb\xbfmethod: grid\n")
    document = read(path)
    assert document.value == {"method": "grid"}
    assert document.position(("method",)) == f"{path}:1:1"


def test_merge_keys_merge_with_own_keys_first_and_then_the_first_of_a_list() -> None:
    text = """\
base: &base {min: 0, max: 1}
other: &other {max: 2, q: 3}
one: {<<: *base, max: 5}
two:
  <<: [*base, *other]
"""
    document = load(text, "f")
    assert document.value["one"] == {"min": 0, "max": 5}
    assert document.value["two"] == {"min": 0, "max": 1, "q": 3}
    assert document.position(("two", "q")) == "f:2:24"
    assert document.value == yaml.safe_load(text)


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
        ("a: b: c", "sweep.yaml:1:5: mapping values are not allowed in this context"),
        (
            "a: [1\n",
            "sweep.yaml:2:1: while parsing a flow sequence, did not find expected ',' or ']'",
        ),
        ("a: *x", "sweep.yaml:1:4: found undefined alias"),
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
        ("a: &a [*a]", "sweep.yaml:1:4: a.0: an alias stands inside what it repeats"),
        ("a: {<<: 5}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
        ("a: {<<: [{b: 1}, 5]}", "sweep.yaml:1:5: a.<<: << merges a mapping or a list of mappings"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    assert lines_of(text) == [line]


def test_all_duplicates_and_bad_values_are_reported_at_once() -> None:
    assert len(lines_of("a: 1\na: 2\nb: !x 1\nc: {d: !y 2, d: 3}\n")) == 4


def test_duplicates_are_handed_over_to_a_caller_that_goes_on() -> None:
    duplicates: list[object] = []
    document = load("a: 1\na: 2\n", "f", duplicates)  # type: ignore[arg-type]
    assert document.value == {"a": 1}
    assert [str(each) for each in duplicates] == ["f:2:1: a: given twice; the first is on line 1"]


def test_whole_numbers_too_long_to_read_are_refused() -> None:
    (line,) = lines_of("a: " + "9" * 5000)
    assert line.startswith("sweep.yaml:1:4: a: '9999")
    assert line.endswith("cannot be read as int")
    assert len(line) < 150


def test_alias_bomb_is_refused_quickly() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    started = time.perf_counter()
    (line,) = lines_of("\n".join(levels))
    assert line == ("sweep.yaml:6:5: a5: more than 1,000,000 values, counting what aliases repeat")
    assert time.perf_counter() - started < 2


def test_aliases_within_the_limit_are_followed() -> None:
    text = "a: &a [" + ", ".join(["1"] * 1000) + "]\nb: [" + ", ".join(["*a"] * 100) + "]"
    assert sum(map(len, load(text, "f").value["b"])) == 100_000


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    prefix = "" if opening in "- ? " else "x: "
    (line,) = lines_of(prefix + opening * 100_000)
    assert line.endswith("nested more than 100 levels deep")


def test_deep_nesting_by_aliases_is_refused() -> None:
    text = "a0: &a0 [1]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 1200))
    (line,) = lines_of(text)
    assert line.endswith("nested more than 100 levels deep")


def test_pure_python_loader_gives_the_same_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load(TEXT, "f")
    monkeypatch.setattr(positions, "Loader", yaml.SafeLoader)
    actual = load(TEXT, "f")
    assert actual.value == expected.value
    path = ("parameters", "lr", "values", 2)
    assert actual.position(path) == expected.position(path)
    assert lines_of("a: b: c") == ["sweep.yaml:1:5: mapping values are not allowed here"]


def refusal(path: str | Path) -> str:
    with pytest.raises(PcsearchError) as caught:
        read(path)
    return str(caught.value)


def test_missing_file_is_one_line_with_the_name_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal("sweep.yaml") == "sweep.yaml: no such file"
    assert refusal("no/sweep.yaml") == "no/sweep.yaml: no such file"


def test_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: is a directory, not a file"


def test_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    assert refusal(tmp_path / "a" / "b") == f"{tmp_path}/a/b: cannot be read: Not a directory"


def test_permission_error_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(tmp_path / "s") == f"{tmp_path}/s: no permission to read the file"


def test_names_that_cannot_be_paths_are_refused() -> None:
    assert refusal("a\0b") == "'a\\x00b': cannot be read: embedded null byte"
    assert len(refusal("x" * 5000).splitlines()) == 1


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes("a: é\nb: ".encode() + b"\xff")
    assert refusal(path) == f"{path}:2:4: not UTF-8 text: byte 0xff"
    path.write_bytes("a: 1".encode("utf-16"))
    assert refusal(path) == f"{path}:1:1: not UTF-8 text: byte 0xff"


def test_huge_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    with path.open("wb") as file:
        file.truncate(positions.MAX_BYTES + 1)
    assert refusal(path) == f"{path}: larger than 64 MiB"


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
