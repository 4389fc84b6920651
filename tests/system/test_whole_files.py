"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.system.whole_files import replacing


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    (tmp_path / ".file.tmp").write_bytes(b"what a killed process has left, which is longer")
    with replacing(file) as draft:
        draft.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("is_shared", [False, True])
def test_nothing_is_left_of_a_file_that_is_not_complete(is_shared: bool, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def fail() -> None:
        with replacing(file, is_shared=is_shared) as draft:
            draft.write(b"half")
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_two_processes_may_replace_a_shared_file(tmp_path: Path) -> None:
    """Each has a draft of its own: the last one that is complete stays."""
    file = tmp_path / "file"
    with replacing(file, is_shared=True) as one, replacing(file, is_shared=True) as other:
        one.write(b"one")
        other.write(b"other")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"one"]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "gone" / "file"):
        pass
    assert list(tmp_path.iterdir()) == []
