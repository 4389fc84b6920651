"""Where the modules of a user's function are, on the driver's machine and on a node."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pcsearch
from pcsearch.engine.workloads.user_code import SHIPPED_VARIABLE, code_folder, module_root


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_module_is_sent_from_where_it_is_found_unless_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, "mine.py", "package/__init__.py")
    write(there, "shipped_other.py", "shipped_package/__init__.py", "shipped_package/train.py")
    monkeypatch.setattr(sys, "path", [*sys.path, str(there)])
    assert module_root("mine", here) == here
    assert module_root("package.train", here) == here
    assert module_root("shipped_other", here) == there
    assert module_root("shipped_package.train", here) == there
    assert module_root("numpy.linalg", here) is None
    assert module_root("nosuchmodule", here) is None
    assert module_root("sys", here) is None
    assert module_root("json.decoder", here) is None


def test_a_worker_takes_the_modules_that_were_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_folder(tmp_path) == tmp_path
    monkeypatch.setenv(SHIPPED_VARIABLE, "1")
    assert code_folder(tmp_path) == Path(pcsearch.__file__).parents[1]
