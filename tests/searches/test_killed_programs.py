"""A search whose driver and programs are killed again and again loses and doubles nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest
import yaml
from commands import events
from killing import kill_at_random
from offline_runs import read_runs
from searching import reports, trial_folders

pytestmark = pytest.mark.slow

EPOCHS = 10
PROGRAM = f"""
import os, time
from pathlib import Path
import wandb
kept = Path(os.environ["PCSEARCH_TRIAL_DIR"])
state = kept / "state"

def die_once(epoch, when):
    mark = kept / f"killed at {{epoch}} {{when}}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)

wandb.init()
x = wandb.config.x
for epoch in range(int(state.read_text()) + 1 if state.exists() else 1, {EPOCHS} + 1):
    time.sleep(0.05)
    wandb.log({{"loss": x + 1 / epoch, "epoch": epoch}})
    if epoch == 2 * x:
        die_once(epoch, "before it has kept its state")
    state.with_suffix(".new").write_text(str(epoch))
    os.replace(state.with_suffix(".new"), state)
    if epoch == 2 * x + 1:
        die_once(epoch, "after that")
"""
MARK = "KILLED_MARK"
"""A variable that the processes of this test have."""


@pytest.fixture(scope="module")
def cpus() -> int:
    """Two trials run side by side."""
    return 2


def running(mark: str) -> list[str]:
    """The programs and W&B's own processes that run for this test."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if process.environ().get(MARK) == mark and ("train.py" in line or "wandb-core" in line):
                found.append(line)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("ray_here")
def test_every_epoch_is_reported_once_and_is_a_row_of_the_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    (tmp_path / "train.py").write_text(PROGRAM)
    values = [1.0, 2.0, 3.0]
    sweep = {
        "program": "train.py",
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"x": {"values": values}},
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(sweep))
    start = ("s.yaml", "--name", "here", "--storage-path", ".", "--wandb", "offline")
    options = ("--max-failures", "9", "--max-concurrent", "2", "--epoch-key", "epoch")
    assert kill_at_random(tmp_path, start + options, 8, 2.5, seed=8) >= 4
    directory = tmp_path / "here"
    folders = trial_folders(directory)
    assert len(folders) == len(values) == len(events(directory, "suggested"))
    epochs = list(range(1, EPOCHS + 1))
    for folder in folders:
        found = reports(folder)
        x = json.loads((folder / "params.json").read_text())["x"]
        assert [(each["epoch"], each["loss"]) for each in found] == [
            (epoch, x + 1 / epoch) for epoch in epochs
        ]
        assert [each["training_iteration"] for each in found] == epochs
        assert len(list((folder / "files").iterdir())) == 3, (
            "its program was killed twice, by itself"
        )
        assert not (folder / "logged").exists()
    rows: dict[str, list[int]] = {folder.name[5:]: [] for folder in folders}
    for run in (run for run in read_runs(directory) if run.id):
        rows[run.id] += [row["epoch"] for row in run.rows()]
    assert {run: sorted(found) for run, found in rows.items()} == dict.fromkeys(rows, epochs)
    end = time.monotonic() + 240
    while left := running(str(tmp_path)):
        assert time.monotonic() < end, left
        time.sleep(0.1)
