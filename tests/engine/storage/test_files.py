"""Files of an experiment: what a kill leaves of them, and errors of the disk."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from pcsearch.engine.storage import files
from pcsearch.engine.storage.files import (
    StorageError,
    append,
    display_path,
    end_last_line,
    is_remote,
    json_lines,
    last_json_line,
    local_path,
    register,
    resume_command,
    unregister,
    writing,
)

LINES = b'{"a": 1}\nno JSON\n[2]\n{"a": 3}\n{"a": 4'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "result.json"
    file.write_bytes(LINES)
    return file


def test_damaged_lines_are_left_out(file: Path) -> None:
    assert list(json_lines(file)) == [{"a": 1}, {"a": 3}]
    assert list(json_lines(file.with_name("none.json"))) == []


def test_of_lines_only_those_with_a_word_are_read(file: Path) -> None:
    assert list(json_lines(file, ["3}", "JSON"])) == [{"a": 3}]
    assert list(json_lines(file, ["b"])) == []


@pytest.mark.parametrize("tail", [10, 1000])
def test_the_last_whole_line_is_found_at_the_end_of_the_file(
    tail: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TAIL_BYTES", tail)
    assert last_json_line(file) == {"a": 3}
    assert last_json_line(file.with_name("none.json")) is None


def test_a_line_longer_than_a_part_of_the_file_is_read_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TAIL_BYTES", 16)
    long = {"a": "x" * 1000}
    file.write_text(f'{{"a": 1}}\n{json.dumps(long)}\n')
    assert last_json_line(file) == long
    file.write_text(f'{{"a": 1}}\n{json.dumps(long)[:-1]}')
    assert last_json_line(file) == {"a": 1}
    file.write_text("x" * 1000)
    assert last_json_line(file) is None


def test_a_line_without_an_end_is_cut_off(file: Path) -> None:
    for _ in range(2):
        end_last_line(file)
        assert file.read_bytes() == LINES[: LINES.rfind(b"\n") + 1]
    end_last_line(file.with_name("none.json"))


def test_an_error_of_the_disk_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "none" / "x"
    message = rf"^{file}: cannot be written \(No such file or directory\)$"
    with pytest.raises(StorageError, match=message), writing(file):
        file.touch()


class Remote:
    """Notes what is sent and fetched."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def send(self, file: Path) -> None:
        self.calls.append(("send", file.name))

    def get(self, path: Path) -> None:
        self.calls.append(("get", path.name))

    def await_answer(self) -> None:
        self.calls.append(("await", ""))

    def address_of(self, path: Path) -> str:
        return f"s3://b/{path.name}"


def test_only_paths_in_a_folder_that_is_a_copy_are_sent_and_fetched(tmp_path: Path) -> None:
    remote, inside, outside = Remote(), tmp_path / "copy" / "x", tmp_path / "y"
    inside.parent.mkdir()
    register(inside.parent, remote)
    try:
        for path in (inside, outside):
            with writing(path):
                path.touch()
            local_path(path)
        assert (is_remote(inside), is_remote(outside)) == (True, False)
        assert (display_path(inside), display_path(outside)) == ("s3://b/x", str(outside))
    finally:
        unregister(inside.parent)
    assert remote.calls == [("send", "x"), ("get", "x")]
    assert not is_remote(inside)


def test_the_command_that_resumes_a_search_can_be_pasted() -> None:
    assert resume_command("/a b") == "python -m pcsearch --resume '/a b'"


def test_data_is_added_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    append(file, b"one\n")
    append(file, b"two\n")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        append(file, b"three\n")
    assert file.read_bytes() == b"one\ntwo\n"
