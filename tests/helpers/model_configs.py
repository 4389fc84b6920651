"""The definition of the model's parameters, and what is wrong with values of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.pc.config_values import model_config

DEFINITION: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "pc" / "model_config.json").read_text(encoding="utf-8")
)
DEFAULTS: dict[str, Any] = DEFINITION["defaults"]
NEW_FIELDS = {"image_shape": [3, 32, 32], "device": "auto"}


def problems_of(values: dict[str, Any]) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        model_config(values)
    return [str(problem) for problem in caught.value.problems]
