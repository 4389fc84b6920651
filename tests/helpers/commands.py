"""The command in a process of its own, for tests that interrupt it or count what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COUNTED = '''
import json, os, time
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune

def note(config, epoch):
    line = json.dumps({"x": config["x"], "epoch": epoch}) + "\\n"
    with Path(config["folder"], "computed.jsonl").open("a") as file:
        file.write(line)


def is_held(config, epoch):
    try:
        first = Path(config["folder"], f"hold {config['x']}").read_text()
    except FileNotFoundError:
        return False
    # It is empty while it is written.
    return not first or epoch >= int(first)


def counted(config):
    """Epochs of which each leaves a line, with a checkpoint after every one."""
    first, checkpoint = 1, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            first = int(Path(folder, "epoch").read_text()) + 1
    for epoch in range(first, config.get("epochs", 8) + 1):
        note(config, epoch)
        while is_held(config, epoch):
            time.sleep(0.02)
        time.sleep(config.get("seconds", 0.1))
        if config.get("fails_at") == epoch and not Path(config["folder"], "mended").exists():
            raise KeyError("not mended")
        # Where it is killed, nothing of it is left in the folder for temporary files.
        with TemporaryDirectory(dir=config["folder"]) as folder:
            Path(folder, "epoch").write_text(str(epoch))
            report = {"loss": (config["x"] - 0.3) ** 2 + 1 / epoch}
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(folder))
'''
"""A module for ``--trainable``; a trial that `hold` keeps waits in its epoch."""


def hold(folder: Path, x: float, epoch: int = 1) -> Path:
    """A file that lets the trial of an x compute no more than an epoch, until it is removed."""
    file = folder / f"hold {x}"
    file.write_text(str(epoch))
    return file


def run(folder: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    """Start the command in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "pcsearch", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def finish(process: subprocess.Popen[str], seconds: float = 240) -> tuple[int, str, str]:
    """The exit status, standard output and standard error of a process."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def wait_for(
    condition: Callable[[], Any], process: subprocess.Popen[str] | ForkServerProcess | None
) -> None:
    """Wait until something is so, while a process runs where one is given.

    One that was forked has the name of the file of its errors.
    """
    end = time.monotonic() + 240
    while not condition():
        if isinstance(process, subprocess.Popen):
            assert process.poll() is None, process.communicate()
        elif process is not None:
            assert process.is_alive(), (process.exitcode, _said(process))
        assert time.monotonic() < end, f"it took too long: {_said(process)}"
        time.sleep(0.02)


def _said(process: subprocess.Popen[str] | ForkServerProcess | None) -> str:
    """What a command that was forked has printed as its errors."""
    file = Path(getattr(process, "name", ""))
    return file.read_text() if file.is_file() else ""


def events(directory: Path, name: str) -> list[dict[str, Any]]:
    """The events of a kind in an experiment's journal."""
    file = directory / "journal.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == name]


def computed(folder: Path) -> list[tuple[float, int]]:
    """Every epoch that `COUNTED` has computed: its trial's x, and its number."""
    lines = (folder / "computed.jsonl").read_text().splitlines()
    return [(each["x"], each["epoch"]) for each in map(json.loads, lines)]
