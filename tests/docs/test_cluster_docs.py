"""The shell understands the blocks of docs/cluster.md, and Ray the launcher's file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

TEXT = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks("sh"))
def test_the_shell_understands_every_block(block: str) -> None:
    result = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=True)  # noqa: S607
    assert result.stderr == ""


def test_ray_takes_the_launchers_file() -> None:
    (block,) = blocks("yaml")
    validate_config(prepare_config(yaml.safe_load(block)))
