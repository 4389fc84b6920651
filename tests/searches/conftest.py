from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from commands import COUNTED
from resuming import Command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of the user."""
    (tmp_path / "counted.py").write_text(COUNTED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(ray_here: None, capfd: pytest.CaptureFixture[str]) -> Command:  # noqa: ARG001
    """The command in this process."""
    return Command(capfd)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files of the processes that a test starts, with a short path."""
    with TemporaryDirectory(prefix="t", dir="/tmp") as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        yield Path(name)
