"""The folder for files that can be made anew, and files that a user asks for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.system.user_files import cache_folder, user_path, write_whole


def test_it_is_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine" / "pcsearch"
    # The specification of the variable says to ignore relative paths.
    for value in ("", "relative/cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == tmp_path / ".cache" / "pcsearch"


def test_without_a_home_it_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(PcsearchError, match="set HOME or XDG_CACHE_HOME"):
        cache_folder()


def test_a_link_stays_one_and_a_pipe_gets_the_data(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert write_whole(tmp_path / "link", b"1", "--output") == tmp_path / "file"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"1"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"2", "--output")
    reader.join()
    assert (read, pipe.is_fifo()) == ([b"2"], True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nosuch/file", "^--output: /nosuch/file: cannot be written .No such file"),
        ("x" * 5000, "^--output: .*more characters.*: cannot be written .File name too long"),
        ("~nobody-of-this-name/file", "^--output: ~nobody-of-this-name/file: no path"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_with_its_option(path: str, message: str) -> None:
    with pytest.raises(PcsearchError, match=message):
        write_whole(path, b"", "--output")


def test_a_path_of_the_user_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_path("here", "--output") == tmp_path / "here"
    assert user_path("~/there", "--output") == tmp_path / "home" / "there"
