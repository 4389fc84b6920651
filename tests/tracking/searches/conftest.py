"""One Ray, and a user's folder, for searches in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from online_searches import Folder

from pcsearch.tracking import wandb_internals


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all searches here."""
    ray.init(
        "local", num_cpus=3, include_dashboard=False, log_to_driver=False, configure_logging=False
    )
    yield
    ray.shutdown()


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Folder:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wandb_internals, "TRANSMIT_SECONDS", 1.0)
    return Folder(tmp_path, capfd)
