"""How the blocks are compiled and loaded."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reference import architecture

from pcsearch.pc.compiled import build
from pcsearch.pc.compiled.build import SOURCE, NoCompilerError, compiled_library
from pcsearch.pc.compiled.choice import MIN_GFLOP, compiled_blocks

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache of the test session."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "compiled"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What takes no time to be compiled."""
    (tmp_path / "small.c").write_text("int pc_lanes(void) { return 4; }\n")
    return tmp_path / "small.c"


def test_processes_that_start_at_once_compile_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    compiler = tmp_path / "cc"
    [real] = build.compiler()
    compiler.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {real} "$@"\n')
    compiler.chmod(0o755)
    environment = os.environ | {"CC": str(compiler), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = (
        "from pathlib import Path; from pcsearch.pc.compiled.build import compiled_library;"
        f"print(compiled_library(Path({str(SOURCE)!r})))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    libraries = {process.communicate()[0].strip() for process in started}
    [library] = libraries
    assert Path(library).parent == tmp_path / "cache" / "pcsearch" / "compiled"
    assert sum("-shared" in line for line in calls.read_text().splitlines()) == 1


def test_a_folder_that_others_may_write_is_not_used(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "pcsearch" / "compiled"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    monkeypatch.setattr(build, "gettempdir", lambda: str(tmp_path / "other"))
    library = compiled_library(source)
    assert library.parent.parent == tmp_path / "other"
    assert not list(folder.iterdir())
    library.parent.chmod(0o777)
    with pytest.raises(NoCompilerError, match="is not this user's alone, or cannot be written"):
        compiled_library(source)
    # Who has made a link can turn it to another folder.
    library.parent.chmod(0o700)
    library.parent.rename(tmp_path / "target")
    library.parent.symlink_to(tmp_path / "target")
    with pytest.raises(NoCompilerError, match="is not this user's alone, or cannot be written"):
        compiled_library(source)


def test_a_library_that_cannot_be_loaded_leaves_it_to_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.so").write_text("no library")
    monkeypatch.setattr(build, "compiled_library", lambda _: tmp_path / "bad.so")
    assert compiled_blocks(architecture(hidden_size=48), CPU, MIN_GFLOP) is None
    assert "cannot be loaded" in caplog.text


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.9])
def test_a_library_that_is_not_whole_is_compiled_again(
    kept: float, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library = compiled_library(source)
    data = library.read_bytes()
    library.write_bytes(data[: int(kept * len(data)) if kept < 1 else int(kept)])
    assert compiled_library(source) == library
    assert library.read_bytes() == data
    assert ctypes.CDLL(str(library)).pc_lanes() == 4
    left = {path.suffix for path in library.parent.iterdir()}
    assert left == {".so", ".lock", ".sha256"}


@pytest.mark.parametrize("options", ["-g", "-x c++"])
def test_the_compiler_may_have_options(
    options: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, [command] = compiled_library(source), build.compiler()
    monkeypatch.setenv("CC", f"{command} {options}")
    library = compiled_library(source)
    assert library != usual
    assert ctypes.CDLL(str(library)).pc_lanes() == 4


def test_code_of_another_language_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other.c").write_text("int something_else(void) { return 4; }\n")
    monkeypatch.setattr(build, "SOURCE", tmp_path / "other.c")
    assert compiled_blocks(architecture(hidden_size=48), CPU, MIN_GFLOP) is None
    assert "cannot be loaded" in caplog.text


@pytest.mark.parametrize("named", ["true", "false", '"', "''", "ls"])
def test_what_is_no_c_compiler_leaves_it_to_torch(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", named)
    for _ in range(2):
        assert compiled_blocks(architecture(hidden_size=48), CPU, MIN_GFLOP) is None
    assert "ompile" in caplog.text
    assert not list(tmp_path.rglob("*.so"))


def test_a_user_without_a_home_has_it_compiled_elsewhere(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(build, "gettempdir", lambda: str(tmp_path))
    assert compiled_library(source).parent.parent == tmp_path


def test_without_a_compiler_torch_computes_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shape = architecture(hidden_size=48)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NoCompilerError, match=r"no C compiler is installed \(no-such-compiler\)"):
        compiled_library(SOURCE)
    with caplog.at_level(logging.WARNING):
        assert compiled_blocks(shape, CPU, MIN_GFLOP) is None
    assert "no C compiler is installed" in caplog.text


def test_a_compiler_that_fails_is_told_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit 0\nprintf "no such flag \\351" >&2\nexit 1\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NoCompilerError, match=r"fails \(no such flag .\)"):
        compiled_library(SOURCE)
    assert not list(tmp_path.rglob("*.so"))
