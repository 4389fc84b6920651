from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.storage import lease
from pcsearch.engine.storage import store as stores
from pcsearch.engine.storage.store import Store


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.1)
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    monkeypatch.setattr(stores, "OUTAGE_S", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose file system is this machine's; S3 is in the searches' tests."""
    return Store("test://there/exp", LocalFileSystem(), str(tmp_path / "there" / "exp"))
