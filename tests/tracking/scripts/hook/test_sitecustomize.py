"""Python's own start is as it would be without the hook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pcsearch
from pcsearch.tracking.scripts.environment import HOOK

FOLDER = Path(pcsearch.__file__).parent / HOOK


def test_another_sitecustomize_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.mine = 'here'")
    path = os.pathsep.join([str(FOLDER), str(tmp_path)])
    for channel in ({}, {"PCSEARCH_CHANNEL": "/none"}):
        done = subprocess.run(
            [sys.executable, "-c", "print(mine)"],
            env=os.environ | {"PYTHONPATH": path} | channel,
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("here\n", "")
