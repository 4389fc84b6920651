"""Files and their text: encodings, and every way to be refused unread."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.reading.text import MAX_BYTES, SourceText, read_text


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(b"\xef\xbb\xbfmethod: grid\n")
    document = load(read_text(path), str(path))
    assert document.value == {"method": "grid"}
    assert document.position(("method",)) == f"{path}:1:1"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_do(line_break: str) -> None:
    text = line_break.join(["a: 1", "", "b:", "  c: 'x", "    y\u2028z'", "  d: 2"])
    assert load(text, "f").position(("b", "d")) == "f:6:3"


def refusal(path: str | Path) -> str:
    with pytest.raises(PcsearchError) as caught:
        read_text(path)
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
    assert refusal(path) == f"{path}:2:4: not UTF-8 text: byte 0xff; save the file as UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes("\ufeff".encode(encoding) + "a: 1".encode(encoding))
    name = encoding.upper()[:6]
    assert refusal(path) == f"{path}: {name} text; save the file as UTF-8"


def test_byte_order_mark_is_not_counted_in_a_position(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xff")
    assert refusal(path).startswith(f"{path}:1:4: not UTF-8 text: byte 0xff")


def test_huge_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert refusal(path) == f"{path}: larger than 16 MiB"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfmethod: grid\n")))
    assert read_text("-") == "method: grid\n"


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(PcsearchError, match="-: standard input is closed"):
        read_text("-")


def test_what_is_in_no_file_has_no_lines() -> None:
    text = SourceText("a: 1\nb: 2", "")
    assert text.position(5) == ""
    assert str(text.problem("is wrong", 5, ("b",))) == "b: is wrong"
