"""The commands and files of docs/cluster.md are such as Ray, the shell and pcsearch take."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts import scripts

from pcsearch.cli import command

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


@pytest.mark.parametrize(
    ("pattern", "real"),
    [
        (r"ray start ([^'\n;&]*)", scripts.start),
        (r"ray symmetric-run ((?:.*\\\n)*?.*?) -- ", scripts.symmetric_run),
        (r"ray get-auth-token ([^\n;&>]*)", scripts.get_auth_token),
        (r"python -m pcsearch ((?:.*\\\n)*[^'`\n]*)", command),
    ],
)
def test_the_options_are_real(pattern: str, real: object) -> None:
    known = {name for each in real.params for name in each.opts}  # type: ignore[attr-defined]
    if real is scripts.symmetric_run:
        known |= {name for each in scripts.start.params for name in each.opts}
    used = [name for part in re.findall(pattern, TEXT) for name in re.findall(r"--[a-z-]+", part)]
    assert used
    assert set(used) <= known
