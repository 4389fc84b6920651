"""The notes on texts that spell numbers."""

from __future__ import annotations

import json

from pcsearch.errors import Problem
from pcsearch.sweeps.numbers_in_text import LEFT, PLACES_SHOWN, READ, NumbersInText
from pcsearch.sweeps.sweep import parse_sweep


def test_many_texts_are_one_note_with_their_places() -> None:
    texts = NumbersInText()
    for line in range(2, 4):
        texts.add(READ, ["1e-3", "1e3"], Problem("", f"a:b.yaml:{line}:7", f"p{line}"))
    texts.add(LEFT, ["1e9"], Problem("", "a:b.yaml:9:1", "q"))
    assert list(texts.notes()) == [
        "a:b.yaml:2:7: p2: '1e-3' (and 3 more, also at 3:7): text in YAML, read as a number, also "
        "in quotes; where the text is meant write !!str 1e-3",
        "a:b.yaml:9:1: q: '1e9': text in YAML, left as text; where a number is meant write a "
        "point, as in 1.0e-3",
    ]


def test_of_very_many_places_the_rest_is_counted() -> None:
    texts = NumbersInText()
    for line in range(1, PLACES_SHOWN + 4):
        texts.add(READ, ["1e-3"], Problem("", f"s.yaml:{line}:7", "p"))
    (note,) = texts.notes()
    assert f"(and {PLACES_SHOWN + 2} more, also at 2:7, 3:7, " in note
    assert ", 21:7 and 2 more places): " in note


def test_a_file_has_one_note_however_many_parameters_have_such_texts() -> None:
    lines = "".join(f"  p{index}: {{value: 1e-{index}}}\n" for index in range(1, 40))
    sweep = parse_sweep(f"method: random\nparameters:\n{lines}", "s.yaml")
    assert len(sweep.notes) == 1
    assert sweep.notes[0].startswith("s.yaml:3:8: parameters.p1: '1e-1' (and 38 more, also at ")


def test_what_is_in_no_file_has_keys_for_places() -> None:
    entry = {"values": ["1e-3"]}
    text = json.dumps({"method": "random", "parameters": {"a": entry, "b": entry}})
    (note,) = parse_sweep(text, "").notes
    assert note.startswith("parameters.a: '1e-3' (and 1 more, also at parameters.b)")
