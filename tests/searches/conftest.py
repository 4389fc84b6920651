from __future__ import annotations

from pathlib import Path

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
