from __future__ import annotations

from pathlib import Path

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
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in SETTINGS:
        # Set and removed, so that what the code sets is undone too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
