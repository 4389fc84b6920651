"""Repeated keys, aliases and merges, and the bounds that a hostile file meets."""

from __future__ import annotations

import time

import pytest
import yaml

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.reading.loader import load


def lines_of(text: str) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        load(text, "sweep.yaml")
    return str(caught.value).splitlines()


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


def test_all_duplicates_and_bad_values_are_reported_at_once() -> None:
    assert len(lines_of("a: 1\na: [2]\nb: !x 1\nc: {d: !y 2, d: [3]}\n")) == 4


def test_duplicates_are_handed_over_to_a_caller_that_goes_on() -> None:
    duplicates: list[object] = []
    document = load("a: 1\na: [2]\n", "f", duplicates)  # type: ignore[arg-type]
    assert document.value == {"a": 1}
    assert [str(each) for each in duplicates] == ["f:2:1: a: given twice; the first is on line 1"]


def test_of_a_key_that_is_given_twice_the_last_counts_with_a_note() -> None:
    text = "a: 1\nb: {c: {x: 1}, c: {y: 2}}\na: 2\nd: [1]\na: 3\nd: [2]\n"
    duplicates: list[object] = []
    document = load(text, "f", duplicates)  # type: ignore[arg-type]
    assert document.value == yaml.safe_load(text) == {"a": 3, "b": {"c": {"y": 2}}, "d": [2]}
    assert duplicates == []
    assert sorted(document.notes) == [
        "f:2:16: b.c: given twice, on lines 2 and 2; the last counts",
        "f:3:1: a: given twice, on lines 1 and 3; the last counts",
        "f:5:1: a: given twice, on lines 3 and 5; the last counts",
        "f:6:1: d: given twice, on lines 4 and 6; the last counts",
    ]
    assert document.position(("a",)) == "f:5:1"
    assert document.position(("b", "c", "y")) == "f:2:20"


def test_alias_bomb_is_refused_quickly() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    started = time.process_time()
    (line,) = lines_of("\n".join(levels))
    message = "more than 1,000,000 values, counting what aliases repeat"
    assert line == f"sweep.yaml:6:45: a5.7: {message}"
    assert time.process_time() - started < 2


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


def test_anchor_may_be_given_again_as_yaml_has_it() -> None:
    assert load("a: &x 1\nb: *x\nc: &x 2\nd: *x", "f").value == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_aliases_of_scalars_may_be_keys() -> None:
    document = load("a: &x b\n*x : {*x : 1}", "f")
    assert document.value == {"a": "b", "b": {"b": 1}}
    assert document.position(("b", "b")) == "f:2:7"
    message = "sweep.yaml:1:12: a key must be a plain value, not a list"
    assert lines_of("{a: &x [1], *x : 2}") == [message.replace("12", "13")]


def test_alias_bombs_in_keys_and_merges_are_refused_quickly() -> None:
    merges = "a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}\n"
    merges += "\n".join(f"b{i}: {{<<: [{', '.join(['*a0'] * 100)}]}}" for i in range(100))
    keys = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for level in "bcdefgh":
        before = chr(ord(level) - 1)
        keys += f"{level}: &{level} {{? [{', '.join([f'*{before}'] * 10)}] : 1}}\n"
    started = time.process_time()
    for text in (merges, keys):
        assert any(line.endswith("counting what aliases repeat") for line in lines_of(text))
    assert time.process_time() - started < 2


def test_values_given_by_an_alias_stand_where_the_alias_does() -> None:
    document = load("a: &x {b: 1}\nc: [*x, *x]", "f")
    assert document.position(("c", 1)) == "f:2:9"
    assert document.position(("c", 1, "b")) == "f:1:8"


def test_own_key_hides_the_places_of_what_is_merged() -> None:
    document = load("a: &a {b: {c: 1}}\nd: {<<: *a, b: 2}", "f")
    assert document.value["d"] == {"b": 2}
    assert document.position(("d", "b", "c")) == "f:2:13"


def test_deep_nesting_by_aliases_beside_shallow_values_is_refused() -> None:
    text = "a0: &a0 [1]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}, [], 1]" for i in range(1, 200))
    (line,) = lines_of(text)
    assert line == "sweep.yaml:100:12: nested more than 100 levels deep"


@pytest.mark.parametrize("text", ["&m <<: {b: 1}\na: *m", "b: 1\na: <<", "b: 1\na: [1, <<]"])
def test_merge_sign_as_a_value_is_refused(text: str) -> None:
    (line,) = lines_of(text)
    assert line.endswith(": << merges mappings only as a key; quote it to mean the text")


def test_tag_without_a_name_keeps_text_and_parts_as_they_are() -> None:
    text = "a: ! 5\nb: ! [1]\nc: ! {d: ! yes}"
    assert load(text, "f").value == {"a": "5", "b": [1], "c": {"d": "yes"}}
