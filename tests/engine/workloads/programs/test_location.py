"""Where a program is looked for, and what is said where it is not there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs.location import (
    look_for,
    missing_command,
    missing_program,
    search_path,
)
from pcsearch.sweeps.program import Program

SWEEP = Path("sweep.yaml")
MODULE = ("python", "-m", "${program}")


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_file_is_found_where_the_command_is_started(tmp_path: Path) -> None:
    files(tmp_path, "src/train.py")
    assert look_for(Program("src/train.py"), tmp_path, SWEEP).word == "src/train.py"


def test_a_file_beside_the_sweep_file_is_found_by_its_whole_path(tmp_path: Path) -> None:
    files(tmp_path, "sweeps/train.py")
    found = look_for(Program("train.py"), tmp_path, Path("sweeps/a.yaml"))
    assert found.word == str(tmp_path / "sweeps" / "train.py")


def test_the_file_where_the_command_is_started_comes_first(tmp_path: Path) -> None:
    files(tmp_path, "train.py", "sweeps/train.py")
    assert look_for(Program("train.py"), tmp_path, Path("sweeps/a.yaml")).word == "train.py"


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("mine", True),
        ("package.train", True),
        ("json.tool", True),
        ("none.such", False),
        ("n" * 300, False),
        ("", False),
    ],
)
def test_modules_are_found_without_an_import(name: str, is_found: int, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('it was imported')")
    files(tmp_path, "package/train.py")
    assert (look_for(Program(name, MODULE), tmp_path, SWEEP).word == name) == is_found


def test_installed_commands_are_found(tmp_path: Path) -> None:
    assert look_for(Program("wandb", ("${program}",)), tmp_path, SWEEP).word == "wandb"


@pytest.mark.parametrize(
    "program", [Program(None, ("python", "x.py")), Program("x.py", ("a", "b"))]
)
def test_a_command_without_the_macro_needs_no_file(program: Program, tmp_path: Path) -> None:
    assert look_for(program, tmp_path, SWEEP).word is not None


def test_a_missing_program_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    program = Program("train.py", place="s.yaml:1:1")
    found = look_for(program, tmp_path, Path("sweeps/s.yaml"))
    assert found.word is None
    assert str(missing_program(program, found, tmp_path)) == (
        f"s.yaml:1:1: program: train.py is not here (looked for {tmp_path}/train.py, "
        f"{tmp_path}/sweeps/train.py); start pcsearch in the program's folder, or give --trainable "
        "MODULE:FUNCTION for a function of yours"
    )


@pytest.mark.parametrize(
    ("name", "there", "starts"),
    [
        ("train.py", ["b/train.py", "deep/er/train.py", "venv/train.py"], "b or deep/er"),
        ("src/train.py", ["project/src/train.py"], "project"),
    ],
)
def test_where_it_lies_below_the_user_is_told_to_start_there(
    name: str, there: list[str], starts: str, tmp_path: Path
) -> None:
    files(tmp_path, *there)
    program = Program(name)
    text = str(missing_program(program, look_for(program, tmp_path, SWEEP), tmp_path))
    assert f"; start pcsearch in {starts}, or give" in text


def test_where_the_user_stands_in_its_folder_it_is_started_above(tmp_path: Path) -> None:
    files(tmp_path, "src/train.py")
    program, folder = Program("src/train.py"), tmp_path / "src"
    text = str(missing_program(program, look_for(program, folder, SWEEP), folder))
    assert "; start pcsearch in .., or give" in text


@pytest.mark.parametrize("name", ["/none/train.py", "../train.py", "other/train.py", "n" * 300])
def test_another_file_of_its_name_is_not_taken_for_it(name: str, tmp_path: Path) -> None:
    files(tmp_path, "here/train.py", "here/deep/train.py")
    program, folder = Program(name), tmp_path / "here"
    found = look_for(program, folder, SWEEP)
    assert (found.word, found.elsewhere) == (None, ())
    assert "; start pcsearch in the program's folder" in str(
        missing_program(program, found, folder)
    )


def test_a_missing_module_is_told(tmp_path: Path) -> None:
    program = Program("no.such", MODULE)
    text = str(missing_program(program, look_for(program, tmp_path, SWEEP), tmp_path))
    assert f"no.such is not here (looked for the modules of {tmp_path}, Python's path)" in text


@pytest.mark.parametrize(
    "words",
    [
        ["python", "x.py"],
        ["/usr/bin/env", "python", "x.py"],
        ["/usr/bin/env", "A=1", "B=2", "wandb", "x"],
        [sys.executable, "x"],
        ["./run.sh"],
        ["/usr/bin/env", "-u", "X", "A=1", "--unset=Y", "python", "-m", "x"],
        ["env", "-C", "/", "python", "elsewhere.py"],
        ["python", "-X", "dev", "-u", "x.py", "other.py"],
        ["python", "-m", "x.py"],
        ["python", "-c", "pass", "other.py"],
    ],
)
def test_a_command_that_can_be_run_is_no_problem(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "run.sh").touch(0o755)
    (tmp_path / "x.py").touch()
    assert missing_command(Program("x.py"), words, tmp_path) is None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["no-launcher", "x"], "no-launcher"),
        (["/usr/bin/env", "no-launcher"], "no-launcher"),
        (["./plain.sh"], "./plain.sh"),
        (["/opt/none/python"], "/opt/none/python"),
    ],
)
def test_a_command_that_cannot_be_run_is_told(words: list[str], name: str, tmp_path: Path) -> None:
    (tmp_path / "plain.sh").touch(0o644)
    problem = missing_command(Program("x.py", place="s:2:1"), words, tmp_path)
    message = f"s:2:1: command: {name} cannot be run: there is no such command or executable file; "
    assert str(problem).startswith(message)


def test_a_script_of_the_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    problem = missing_command(Program(None, place="s:2:1"), ["python", "-u", "y.py"], tmp_path)
    message = f"y.py is not in {tmp_path}; start pcsearch in its folder"
    assert str(problem) == f"s:2:1: command: {message}"


def test_a_command_of_no_words_is_told(tmp_path: Path) -> None:
    assert "has no words" in str(missing_command(Program("x.py"), ["/usr/bin/env"], tmp_path))


def test_python_is_the_one_that_runs_pcsearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/a:/b")
    assert search_path() == os.pathsep.join([str(Path(sys.executable).parent), "/a:/b"])
