"""Keeps W&B away from the user's account, and from other tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from wandb_client import end_client
from wandb_server import KEY, WandbServer, running

from pcsearch.tracking.runs import manager
from pcsearch.tracking.server import api, mode
from pcsearch.tracking.wandb_internals import BRIEF_REQUESTS


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


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests may take longer than a user should wait: the machine of the tests may be busy."""
    monkeypatch.setattr(manager, "WRITING_SECONDS", 60.0)
    monkeypatch.setattr(mode, "PROBE_SECONDS", 60.0)
    monkeypatch.setattr(api, "ASK_SECONDS", 60)
    monkeypatch.setitem(BRIEF_REQUESTS, "x_graphql_timeout_seconds", 20)


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
