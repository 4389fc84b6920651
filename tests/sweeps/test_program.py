"""The program of a sweep file, and its command held to that of W&B's agent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_reading import read_sweep
from wandb_commands import agents_words

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.program import MACROS, Program
from pcsearch.sweeps.sweep import Sweep, parse_sweep

COLLECTION = Path(__file__).parent / "collection"
REST = "method: grid\nparameters: {x: {value: 1}}\n"


def sweep_of(text: str) -> Sweep:
    return parse_sweep(text + REST, "f", runs_program=True)


def program_of(text: str) -> Program:
    program = sweep_of(text).program
    assert program is not None
    return program


def named_programs() -> list[str]:
    paths = [path for path in sorted(COLLECTION.iterdir()) if not path.name.startswith("bad_")]
    return [path.name for path in paths if b"program" in path.read_bytes()]


@pytest.mark.parametrize("name", named_programs())
def test_the_commands_of_the_collection_are_those_of_the_agent(name: str) -> None:
    sweep = read_sweep(COLLECTION / name, runs_program=True)
    if sweep.program is None:
        return
    draws = Grid(sweep) if sweep.method == "grid" else RandomDraws(sweep, 3)
    for index in range(3 if sweep.method != "grid" else min(3, Grid(sweep).size)):
        values = json.loads(json.dumps(draws.config(index)))
        program = sweep.program
        expected = agents_words(list(program.command), program.name or "", values)
        assert program.words(values, program.name or "", "v.json", os.environ) == expected


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)
)
VALUES = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.recursive(
        PLAIN,
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each),
        max_leaves=5,
    ),
    max_size=4,
)
WORDS = st.one_of(
    st.sampled_from([f"${{{name}}}" for name in MACROS]),
    st.sampled_from(
        ["${unknown}", "${envvar:KNOWN}", "a${envvar:KNOWN}b${envvar:NONE_SUCH}", "-m"]
    ),
    st.text(max_size=8),
    st.integers(),
    st.booleans(),
)


@given(command=st.lists(WORDS, min_size=1, max_size=6), values=VALUES)
def test_any_command_is_that_of_the_agent(command: list[Any], values: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KNOWN", "here")
        expected = agents_words([str(each) for each in command], "train.py", values)
        program = Program("train.py", tuple(map(str, command)))
        assert program.words(values, "train.py", "v.json", os.environ) == expected


def test_without_a_command_it_is_the_agents_own() -> None:
    program = program_of("program: train.py\n")
    words = program.words({"a": 1, "b": {"c": None}}, "train.py", "v.json", {})
    assert words == ["/usr/bin/env", "python", "train.py", "--a=1", "--b={'c': None}"]
    assert words == agents_words([], "train.py", {"a": 1, "b": {"c": None}})


@pytest.mark.parametrize(
    ("text", "name", "command"),
    [
        ("program: a.py\ncommand: [python, '${program}', 3, true]\n", "a.py", 4),
        ("command: [python, train.py, '${args}']\n", None, 3),
        ("program: a.py\ncommand: []\n", "a.py", 4),
    ],
)
def test_program_and_command_are_read(text: str, name: str | None, command: int) -> None:
    program = program_of(text)
    assert program.name == name
    assert len(program.command) == command
    assert all(isinstance(word, str) for word in program.command)
    assert program.place == "f:1:1"


def test_a_file_without_both_has_none() -> None:
    assert sweep_of("").program is None
    assert parse_sweep("program: a.py\n" + REST, "f").program is None


def test_a_program_that_is_no_text_is_refused() -> None:
    with pytest.raises(PcsearchError, match=r"f:1:1: program: \[1\] is not text; give a file"):
        sweep_of("program: [1]\n")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("command: python train.py\n", "is not a list: W&B's agent takes its own default then"),
        (
            "command: [python, '${program}', '${arg}', '${envvar:HOME}']\n",
            "${arg} is left out, as W&B's agent does: it knows no such macro",
        ),
    ],
)
def test_what_the_agent_does_not_do_is_noted(text: str, note: str) -> None:
    assert sweep_of("program: a.py\n" + text).notes == (f"f:2:1: command: {note}",)


@pytest.mark.parametrize(
    ("command", "is_module"),
    [
        (["python", "-m", "${program}"], True),
        (["python", "-m", "accelerate", "${program}"], False),
        (["${program}"], False),
    ],
)
def test_a_program_after_m_is_a_module(command: list[str], is_module: bool) -> None:
    assert Program("a.b", tuple(command)).is_module is is_module
