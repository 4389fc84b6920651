"""Programs whose calls of W&B are followed, without a search."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pcsearch
from pcsearch.engine.workloads.programs.follower import WANDB, Follower, Message
from pcsearch.engine.workloads.programs.rows import Rows
from pcsearch.tracking.scripts.environment import HOOK

FOLDER = Path(pcsearch.__file__).parent / HOOK


class Programs:
    """Runs programs as trials do, and has what they have sent."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.messages: list[Message] = []

    def run(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        file = self.work / "logged.jsonl"
        file.touch()
        follower = Follower(file, WANDB, lambda message, _: self.messages.append(message))
        given = self.variables(file) | environment
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=given,
            cwd=self.work,
            capture_output=True,
            text=True,
            timeout=240,
        )
        follower.close()
        file.unlink()
        return done

    def variables(self, file: Path) -> dict[str, str]:
        """Those of a program that writes what it logs to a file."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(FOLDER), str(self.work)]),
            "PCSEARCH_CHANNEL": str(file),
            "WANDB_DIR": str(self.work),
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
        }

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [each["values"] for each in self.messages if each["kind"] == "log"]

    @property
    def reports(self) -> list[dict[str, Any]]:
        rows = Rows(["loss"])
        made = [report for each in self.messages for report in rows.add(each, 0)]
        return [each.values for each in (*made, *rows.rest())]
