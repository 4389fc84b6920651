from __future__ import annotations

import pytest
import yaml

from pcsearch.sweeps import yaml_text


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def each_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML with libyaml, and as where it was built without."""
    monkeypatch.setattr(yaml_text, "Loader", getattr(yaml, request.param))
