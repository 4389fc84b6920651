"""Scalars: the values that PyYAML gives them, and notes on those that surprise people."""

from __future__ import annotations

import pytest
import yaml

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.numbers import Text
from pcsearch.sweeps.reading.loader import load


def lines_of(text: str) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        load(text, "sweep.yaml")
    return str(caught.value).splitlines()


def test_values_are_those_of_yamls_safe_loader() -> None:
    text = "a: [1, -2.5, 1.0e-3, 1e-3, yes, ~, '5', 0x1F, .inf]\nb: {c: |\n  text\n}\n"
    text = text.replace("{c: |\n  text\n}", "{c: text}")
    assert load(text, "f").value == yaml.safe_load(text)


def test_dates_stay_text() -> None:
    assert load("a: 2020-01-02", "f").value == {"a": "2020-01-02"}


def test_explicit_plain_tags_work() -> None:
    document = load('a: !!str 5\nb: !!int "5"\nc: !!str x\n!!str 1e3: [&x !!str "1e3", *x]', "f")
    assert document.value == {"a": "5", "b": 5, "c": "x", "1e3": ["1e3", "1e3"]}
    values = document.value
    kept = [values["a"], *values["1e3"]]
    assert {type(each) for each in kept} == {Text}, "the tag is not forgotten, also by an alias"
    assert {type(each) for each in (*values, values["c"])} == {str}


def test_whole_numbers_too_long_to_read_are_refused() -> None:
    (line,) = lines_of("a: " + "9" * 5000)
    assert line.startswith("sweep.yaml:1:4: a: '9999")
    assert line.endswith("cannot be read as a whole number")
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
