"""The record of an experiment: what is written is read again, and what is wrong is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from records import HASHED, RECORD, TEXT

from pcsearch import __version__
from pcsearch.engine.records.record import read_record, write_record
from pcsearch.errors import PcsearchError


def read(folder: Path) -> dict[str, Any]:
    return read_record(folder, lambda name: str(folder / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read (Expecting value"),
        (b'{"format": 1, "opt', "cannot be read (Unterminated string"),
        (b"\xff\xfe{}", "cannot be read ('utf-8' codec"),
        (b"[1]", "the record is damaged (it is no mapping)"),
        (b"null", "the record is damaged (it is no mapping)"),
        (b"{}", "written by another version of pcsearch (format None)"),
        (b'{"format": 1, "options": {}}', "written by another version of pcsearch (format 1)"),
        (
            b'{"format": 4, "versions": {"pcsearch": "9.1"}}',
            f"written by version 9.1 of pcsearch (format 4), and this one, {__version__}, reads "
            "format 3; resume it with the version that wrote it",
        ),
    ],
)
def test_a_damaged_or_foreign_record_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "experiment.json"
    file.write_bytes(content)
    with pytest.raises(PcsearchError) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_record_that_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("options", "options is missing"),
        ("tracking", "tracking is missing"),
        ("folder", "folder is missing"),
        ("sweep_sha256", "sweep_sha256 is missing"),
    ],
)
def test_a_record_that_is_not_whole_names_what_is_missing(
    missing: str, message: str, tmp_path: Path
) -> None:
    write_record(tmp_path, RECORD, TEXT)
    record = read(tmp_path)
    del record[missing]
    write_record(tmp_path, record)
    with pytest.raises(PcsearchError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{tmp_path}/experiment.json: the record is damaged ({message})"


def test_the_record_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD, TEXT)
    text = (tmp_path / "experiment.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"format": 3, **RECORD, **HASHED} == read(tmp_path)
    assert text.startswith('{\n  "format": 3,\n')
    assert text.endswith("}\n")
    assert {path.name for path in tmp_path.iterdir()} == {"experiment.json", "sweep.yaml"}


def test_another_record_takes_the_place_of_the_first(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD, TEXT)
    tracking = {"wandb": "online"}
    write_record(tmp_path, read(tmp_path) | {"tracking": tracking})
    assert read(tmp_path) == {"format": 3, **RECORD, **HASHED, "tracking": tracking}


def test_a_sweep_file_with_any_line_ends_is_what_it_was(tmp_path: Path) -> None:
    text = TEXT.replace("\n", "\r\n")
    write_record(tmp_path, RECORD, text)
    assert read(tmp_path)["folder"] == "/started/there"
    assert (tmp_path / "sweep.yaml").read_bytes() == text.encode()


def test_a_sweep_file_that_was_changed_is_told(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD, TEXT)
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(TEXT.replace("1}", "2}"), encoding="utf-8")
    with pytest.raises(PcsearchError, match=r"sweep\.yaml: the file was changed since the search"):
        read(tmp_path)
    sweep.unlink()
    with pytest.raises(PcsearchError, match=r"sweep\.yaml: cannot be read"):
        read(tmp_path)
