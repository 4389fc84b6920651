"""The folder for files that can be made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.user_files import cache_folder, replaced


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


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("old")
    # Half of it is written.
    with pytest.raises(UnicodeEncodeError), replaced(file) as draft:
        draft.write_text("half" * 10_000 + "\ud800", encoding="utf-8")
    assert file.read_text() == "old"
    with replaced(file) as draft:
        draft.write_text("new")
        assert file.read_text() == "old"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]
