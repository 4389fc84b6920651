from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

SETTINGS = (
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_ADDRESS",
    "GRPC_VERBOSITY",
)


@pytest.fixture
def no_ray_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No token, and nothing that a test sets is left."""
    from pcsearch.engine.cluster import address as addresses

    monkeypatch.setenv("HOME", str(tmp_path))
    # Ray would keep for other tests what these set.
    monkeypatch.setattr(addresses, "Config", SimpleNamespace(initialize=lambda _: None))
    for name in SETTINGS:
        # Set and removed, so that what the code sets is undone too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
