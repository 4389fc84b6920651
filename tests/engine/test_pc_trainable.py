from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pcsearch.engine.pc_trainable import data_folder
from pcsearch.engine.pc_transformer import PCTransformer
from pcsearch.pc.compiled import build


@pytest.fixture
def nothing_loaded() -> Iterator[None]:
    """As in a process that has not asked for the compiled code yet."""
    build.loaded.cache_clear()
    build._found.cache_clear()
    yield
    build.loaded.cache_clear()
    build._found.cache_clear()


@pytest.mark.parametrize(
    ("compiler", "note"),
    [("no-such-compiler", "no C compiler is here (no-such-compiler); "), ("false", "the C compil")],
)
@pytest.mark.usefixtures("nothing_loaded")
def test_a_machine_without_a_compiler_is_told_unless_none_is_wanted(
    compiler: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    [found] = PCTransformer().notes(compiled=True)
    assert found.startswith(note)
    assert "without compiled code long trials here take up to twice the time" in found
    assert PCTransformer().notes(compiled=False) == ()


@pytest.mark.usefixtures("nothing_loaded")
def test_a_machine_with_a_compiler_has_nothing_to_say() -> None:
    assert PCTransformer().notes(compiled=True) == ()


def test_a_relative_data_dir_starts_in_the_cache_on_a_node_without_the_drivers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder(tmp_path) == tmp_path
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert data_folder(tmp_path / "none") == tmp_path / "scratch" / "pcsearch"
    # As the specification of the variable has it.
    monkeypatch.setenv("XDG_CACHE_HOME", "scratch")
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
