"""A user's folder for searches in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from online_searches import Folder

from pcsearch.tracking import wandb_internals


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Folder:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wandb_internals, "TRANSMIT_SECONDS", 1.0)
    return Folder(tmp_path, capfd)
