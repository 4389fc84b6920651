"""The presets, against the definition of the model's configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.presets import PRESETS

DEFINITION: dict[str, Any] = json.loads(
    (Path(__file__).parent / "model_config.json").read_text(encoding="utf-8")
)


def test_the_presets_are_those_of_the_definition() -> None:
    assert PRESETS.keys() == DEFINITION["presets"].keys()


@pytest.mark.parametrize("preset", DEFINITION["presets"])
def test_a_preset_changes_the_defaults_as_the_definition_says(preset: str) -> None:
    found = model_config({"config": preset}).model_dump(mode="json")
    defaults = model_config({}).model_dump(mode="json")
    assert found == defaults | DEFINITION["presets"][preset]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_only_what_it_changes(preset: str) -> None:
    for name, value in PRESETS[preset].items():
        default = ModelConfig.model_fields[name].default
        assert value != (list(default) if isinstance(default, tuple) else default), name
