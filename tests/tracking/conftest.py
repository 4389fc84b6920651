"""Keeps W&B away from the user's account, and from other tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from wandb_client import end_client
from wandb_server import KEY, WandbServer, running


@pytest.fixture(autouse=True)
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user who has never heard of W&B; its process-wide settings are read anew in each test."""
    # Before the variables are taken away: they come back after the test, and one that names W&B's
    # process would come back when that process is gone.
    end_client()
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    yield
    end_client()


@pytest.fixture
def asked_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """The stand-in for W&B's server, which W&B's client asks."""
    with running() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server
        end_client()


@pytest.fixture
def server(asked_server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> WandbServer:
    """The same, with a key that it takes."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    return asked_server
