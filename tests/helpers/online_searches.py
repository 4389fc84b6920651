"""Searches of a small function, online against the stand-in for W&B's server."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from searching import reports, trial_folders
from wandb.sdk import wandb_setup
from wandb_client import end_client
from wandb_server import Run, WandbServer

from pcsearch.command_line.cli import main

EPOCHS = 4
# Trials of the second half wait for the test where it asks them to.
MODULE = f"""
import time
from pathlib import Path
from ray import tune

def quick(config):
    for epoch in range(1, {EPOCHS} + 1):
        while epoch > {EPOCHS // 2} and Path(__file__).with_name("hold").exists():
            time.sleep(0.02)
        loss = (config["x"] + config.get("seed", 0)) / epoch
        values = {{"loss": loss, "VodeEnergy/vode_1": epoch / 8}}
        tune.report(values | {{"note": "fine"}})
"""
SWEEP = {
    "method": "grid",
    "name": "halves",
    "description": "what for",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1.0, 2.0, 3.0]}},
}


class Found(NamedTuple):
    status: int
    out: str
    err: str


class Folder:
    """Where a user is: a module, a sweep file, and searches of them."""

    def __init__(self, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.path, self.capfd = path, capfd
        (path / "online_mine.py").write_text(MODULE)
        self.sweep = self.write("s.yaml", SWEEP)

    def write(self, name: str, sweep: dict[str, Any]) -> Path:
        (self.path / name).write_text("# mine\n" + yaml.safe_dump(sweep, sort_keys=False))
        return self.path / name

    def hold(self) -> None:
        (self.path / "hold").touch()

    def release(self) -> None:
        (self.path / "hold").unlink()

    def run(self, *options: str) -> Found:
        """The command, for the function of the folder."""
        common = ["--trainable", "online_mine:quick", "--storage-path", str(self.path)]
        return self.command(*options, *common)

    def search(self, *options: str) -> Found:
        """A search whose trials run one after the other, if the options do not say otherwise."""
        one = ("--max-concurrent", "1")
        return self.run("s.yaml", "--name", "here", "--seed", "1", *one, *options)

    def command(self, *arguments: str) -> Found:
        self.capfd.readouterr()
        status = main(list(arguments))
        out, err = self.capfd.readouterr()
        assert "wandb:" not in out + err, "the client should print nothing"
        return Found(status, out, err)

    def trials(self) -> dict[str, Path]:
        return {folder.name[5:]: folder for folder in trial_folders(self.path / "here")}


def losses(run: Run) -> list[float]:
    return [row["loss"] for row in run.rows if "loss" in row]


def expected(x: float) -> list[float]:
    return [x / epoch for epoch in range(1, EPOCHS + 1)]


def check_complete(
    server: WandbServer, folder: Folder, count: int = 3, without_charts: int = 0
) -> None:
    """Every trial is a run with each epoch once, and Tune's files have them all."""
    charts = [
        run.rows[-1]
        for run in server.runs.values()
        if "Summary/VodeEnergy_Trends_table" in run.rows[-1]
    ]
    assert len(charts) == count - without_charts
    trials = folder.trials()
    assert set(server.runs) == set(trials)
    assert len(trials) == count
    for name, run in server.runs.items():
        assert losses(run) == expected(run.values["x"]), name
        assert run.summary["loss"] == run.values["x"] / EPOCHS
        assert run.exit_code == 0
        assert len(run.rows) - EPOCHS <= 1
        assert [report["loss"] for report in reports(trials[name])] == losses(run)


def later(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def end_process() -> None:
    """What the end of the process does: W&B's own ends with it."""
    connection = wandb_setup.singleton()._connection
    if connection is not None and connection._proc is not None:
        connection._proc._process.kill()
    end_client()


def sync(out: str) -> None:
    """Run the command that a search has printed."""
    end_process()
    command = shlex.split(re.findall(r"^Upload it to W&B: (.*)$", out, re.MULTILINE)[-1])
    assert command[:2] == ["wandb", "sync"]
    program = [str(Path(sys.executable).with_name("wandb")), *command[1:]]
    subprocess.run(program, check=True, capture_output=True, timeout=240)
