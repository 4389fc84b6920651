from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.pc_trainable import data_folder
from pcsearch.engine.pc_transformer import PCTransformer


def test_a_machine_without_a_compiler_is_told_unless_none_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert PCTransformer().notes(compiled=True) == ()
    monkeypatch.setenv("CC", "no-such-compiler")
    [note] = PCTransformer().notes(compiled=True)
    assert note.startswith("no C compiler is here (no-such-compiler); trials here take about twice")
    assert PCTransformer().notes(compiled=False) == ()


def test_a_relative_data_dir_starts_in_the_cache_on_a_node_without_the_drivers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder(tmp_path) == tmp_path
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert data_folder(tmp_path / "none") == tmp_path / "scratch" / "pcsearch"
