"""The workload of programs: its command, and what it leaves to the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs.workload import ProgramWorkload, program_of
from pcsearch.engine.workloads.user_code import Code
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep

TEXT = """
program: a.py
method: grid
parameters: {x: {values: [1, 2]}, o: {parameters: {y: {value: null}}}}
"""
SWEEP = parse_sweep(TEXT, "s", runs_program=True)


def test_the_command_is_shown_on_a_line(tmp_path: Path) -> None:
    workload = ProgramWorkload("sub dir/a.py", tmp_path)
    line = workload.command_line(SWEEP, {"x": 1, "o": {"y": None}})
    assert line == "/usr/bin/env python 'sub dir/a.py' --x=1 '--o={'\"'\"'y'\"'\"': None}'"


def test_a_command_that_is_shown_has_no_value_of_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hidden")
    text = 'command: [python, a.py, "--key=${envvar:API_KEY}"]\n' + TEXT[TEXT.index("method") :]
    sweep, workload = parse_sweep(text, "s", runs_program=True), ProgramWorkload("a.py", tmp_path)
    assert workload.command_line(sweep, {}) == "python a.py '--key=${envvar:API_KEY}'"
    assert workload.words(sweep, {}, "v.json")[-1] == "--key=hidden"


def test_values_are_those_of_the_file(tmp_path: Path) -> None:
    workload = ProgramWorkload("a.py", tmp_path)
    assert not workload.numeric("x")
    assert not workload.whole("x")
    assert workload.effective_config({"x": 1}) == {"x": 1}
    assert workload.tracks_itself
    assert not ProgramWorkload("a.py", tmp_path, metrics_from="stdout").tracks_itself
    assert workload.code == Code(tmp_path, "a.py")


def test_a_file_without_a_program_is_told() -> None:
    with pytest.raises(PcsearchError, match=r"^s: the file has no program; add program: FILE\.py"):
        program_of(parse_sweep(TEXT, "s"))
