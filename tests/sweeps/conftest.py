from __future__ import annotations

import pytest
import yaml

from pcsearch.sweeps.reading import loader


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def each_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML with libyaml, and as where it was built without."""
    monkeypatch.setattr(loader, "Loader", getattr(yaml, request.param))
