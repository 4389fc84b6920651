"""Each trial has its own file of metrics, and no file is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs.metrics_file import own_file


def attempt(file: Path, kept: Path, text: str, goes_on: bool = False) -> int:
    with own_file(file, kept, goes_on) as start, file.open("a") as stream:
        stream.write(text)
    return start


def texts(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir() if each.is_file()}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def test_a_new_start_finds_no_file_and_its_own_is_kept(kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    for name in ("m.csv", "m.csv.1"):
        (tmp_path / name).write_text(f"the user's {name}")
    assert attempt(file, kept, "first") == 0
    assert attempt(file, kept, "second") == 0
    assert texts(tmp_path) == {"m.csv.1": "the user's m.csv.1", "m.csv.2": "the user's m.csv"}
    assert texts(kept / "metrics") == {"m.csv": "second", "m.csv.1": "first"}


def test_a_program_that_goes_on_adds_to_its_own_file(kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    assert attempt(file, kept, "first") == 0
    assert attempt(file, kept, " second", goes_on=True) == 5
    assert texts(kept / "metrics") == {"m.csv": "first second"}
    # The process of its earlier try was killed.
    file.write_text("left")
    assert attempt(file, kept, " third", goes_on=True) == 4
    assert texts(kept / "metrics") == {"m.csv": "left third", "m.csv.1": "first second"}
    assert not texts(tmp_path)


def test_a_program_that_writes_none_leaves_none(kept: Path, tmp_path: Path) -> None:
    with own_file(tmp_path / "m.csv", kept, goes_on=False) as start:
        assert start == 0
    assert not list(kept.iterdir())
