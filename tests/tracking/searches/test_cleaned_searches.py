"""A search whose failed and stopped trials are cleaned, here and at W&B, and that is resumed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from online_searches import Folder, end_process
from searching import trial_folders
from wandb_server import WandbServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = """
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune

def quick(config):
    for epoch in range(1, 5):
        if config["x"] == 2 and epoch == 3:
            raise RuntimeError("x is 2")
        with TemporaryDirectory() as folder:
            Path(folder, "state").write_bytes(bytes(2000))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": config["x"] / epoch}, checkpoint=checkpoint)
"""
SWEEP = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2},
    "parameters": {"x": {"values": [1, 2, 3, 4, 50, 60]}},
}


def checkpoints(here: Path) -> dict[int, int]:
    """By the number of a trial: how many checkpoints it has."""
    return {
        int(folder.name[:4]): len(list(folder.glob("checkpoint_*")))
        for folder in trial_folders(here)
    }


def statuses(out: str) -> list[tuple[str, str]]:
    """The number and the status of each trial in the table of the results."""
    rows = (line.split() for line in out.splitlines() if line.startswith("  "))
    known = {"finished", "stopped", "failed", "interrupted", "diverged"}
    found = ((row[0], known.intersection(row)) for row in rows if row and row[0].isdigit())
    return sorted((number, *status) for number, status in found)


def test_what_is_cleaned_is_gone_and_the_results_stay(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / "online_mine.py").write_text(MODULE)
    folder.write("s.yaml", SWEEP)
    here = folder.path / "here"
    options = ("--max-concurrent", "1", "--max-failures", "0")
    done = folder.search(*options)
    assert done.status == 1, done.err
    ended = statuses(done.out)
    assert ended[:2] == [("1", "finished"), ("2", "failed")]
    stopped = [int(number) for number, status in ended if status == "stopped"]
    assert stopped
    before = checkpoints(here)
    assert all(before.values())
    runs = {int(path.name[:4]): path.name[5:] for path in trial_folders(here)}
    # A run that is not whole at the server would be sent again.
    (mark,) = here.glob(f"wandb/run-*-{runs[2]}/*.synced")
    mark.unlink()
    reports = {path: path.read_bytes() for path in here.glob("*/result.json")}
    end_process()

    listed = folder.command("clean", str(here), "--dry-run", "--failed")
    assert listed.status == 0, listed.err
    (line,) = listed.out.splitlines()
    assert line == f"trial 2, failed after epoch 2: {before[2]} checkpoints (0.0 MB)"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    refused = folder.command("clean", str(here), "--stopped")
    assert refused.status == 0, refused.err
    assert len(refused.out.splitlines()) == len(stopped) + 1
    assert "? [y/N] " in refused.out
    assert refused.out.endswith("nothing was removed\n")
    nobody = folder.command("clean", str(here), "--stopped")
    assert nobody.status == 2
    assert "error: nobody answered, and nothing was removed; --yes removes it" in nobody.err
    assert checkpoints(here) == before

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    cleaned = folder.command("clean", str(here), "--wandb")
    assert cleaned.status == 0, cleaned.err
    assert f" and the W&B run {runs[2]}\n" in cleaned.out
    gone = {2, *stopped}
    kept = {run for number, run in runs.items() if number not in gone}
    assert checkpoints(here) == {n: 0 if n in gone else count for n, count in before.items()}
    assert set(server.runs) == kept
    assert {path.name[-8:] for path in here.glob("wandb/run-*")} == kept
    again = folder.command("clean", str(here), "--wandb", "--yes")
    assert (again.status, again.out) == (0, f"{here}: nothing to remove\n")

    # The journal knows every trial: none runs again, and no run comes back.
    end_process()
    resumed = folder.command("--resume", str(here))
    assert resumed.status == 1, resumed.err
    assert statuses(resumed.out) == ended
    assert {path: path.read_bytes() for path in here.glob("*/result.json")} == reports
    assert set(server.runs) == kept
    assert "upload it" not in resumed.out.lower()
    record = json.loads((here / "experiment.json").read_text())
    assert record["tracking"]["wandb"] == "auto"


def test_what_cannot_be_cleaned_is_told_and_nothing_is_removed(
    server: WandbServer, folder: Folder
) -> None:
    missing = folder.command("clean", str(folder.path / "nowhere"))
    assert missing.status == 2
    assert "no experiment is here" in missing.err
    (folder.path / "online_mine.py").write_text(MODULE)
    folder.write("s.yaml", SWEEP | {"parameters": {"x": {"values": [2]}}})
    assert folder.search("--wandb", "disabled", "--max-failures", "0").status == 1
    here = folder.path / "here"
    before = checkpoints(here)
    assert before[1]
    server.go_away("error")
    refused = folder.command("clean", str(here), "--wandb", "--yes")
    assert refused.status == 2
    assert "error: --wandb cannot " in refused.err
    assert checkpoints(here) == before
    server.come_back()
    cleaned = folder.command("clean", str(here), "--wandb", "--yes")
    assert cleaned.status == 0, cleaned.err
    assert "W&B run" not in cleaned.out
    assert checkpoints(here) == {1: 0}
