from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.pc_trainable import data_folder


def test_a_relative_data_dir_starts_in_the_cache_on_a_node_without_the_drivers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder(tmp_path) == tmp_path
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert data_folder(tmp_path / "none") == tmp_path / "scratch" / "pcsearch"
