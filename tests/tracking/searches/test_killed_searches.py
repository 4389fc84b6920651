"""A whole search whose driver is killed, and its W&B runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from commands import wait_for
from forking import finish, fork
from offline_runs import sessions
from searching import reports, trial_folders

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

EPOCHS, KILLED_AFTER = 20, 12
MODULE = f"""
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune

def slow(config):
    first, checkpoint = 1, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            first = int(Path(folder, "epoch").read_text()) + 1
    for epoch in range(first, {EPOCHS} + 1):
        time.sleep(0.1)
        with TemporaryDirectory() as folder:
            Path(folder, "epoch").write_text(str(epoch))
            report = {{"loss": config["x"] / epoch, "VodeEnergy/vode_1": epoch / 8}}
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(folder))
"""


def has_rows(directory: Path, trial: str) -> bool:
    """Whether a trial has reported more than `KILLED_AFTER` epochs."""
    files = directory.glob(f"{trial}/result.json")
    return any(len(file.read_text().splitlines()) > KILLED_AFTER for file in files)


def test_a_killed_search_resumes_the_same_runs_with_every_epoch_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"x": {"values": [1, 2, 3]}},
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(sweep))
    directory = tmp_path / "here"
    start = ("s.yaml", "--trainable", "mine:slow", "--wandb", "offline", "--name", "here")
    start += ("--storage-path", ".", "--max-concurrent", "1")
    resume = ("--resume", "here")
    for command, killed_in in ((start, "0002_*"), (resume, "0003_*")):
        process = fork(tmp_path, *command)
        # W&B's file has some of them by then.
        wait_for(partial(has_rows, directory, killed_in), process)
        process.kill()
        process.join()
    printed = finish(fork(tmp_path, *resume), tmp_path)
    assert "W&B: " not in printed.replace("W&B: offline", "").replace("Upload it to W&B: ", "")
    runs = sessions(directory)
    assert set(runs) == {trial.name[5:] for trial in trial_folders(directory)}
    assert len(runs) == 3
    assert max(map(len, runs.values())) > 1
    for trial in trial_folders(directory):
        parts = runs[trial.name[5:]]
        rows = [row for part in parts for row in part.history if "loss" in row]
        assert [row["_step"] for row in rows] == list(range(1, EPOCHS + 1)), trial.name
        kept = {report["training_iteration"]: report["loss"] for report in reports(trial)}
        assert [row["loss"] for row in rows] == [kept[row["_step"]] for row in rows]
        assert (parts[-1].exit_code, parts[-1].summary["trial_status"]) == (0, "finished")
        assert parts[-1].summary["loss"] == pytest.approx(kept[EPOCHS])
        (chart,) = [
            (part, row)
            for part in parts
            for row in part.history
            if "Summary/VodeEnergy_Trends_table" in row
        ]
        assert chart[1]["_step"] == EPOCHS + 1
        table = chart[1]["Summary/VodeEnergy_Trends_table"]["path"]
        points = json.loads((chart[0].directory / "files" / table).read_text())["data"]
        assert [point[0] for point in points] == list(range(1, EPOCHS + 1))
    # One alert tells the end of the search.
    assert sum(len(part.alerts) for parts in runs.values() for part in parts) == 1
