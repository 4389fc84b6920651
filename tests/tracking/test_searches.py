"""Whole searches whose drivers are killed, or whose trials run on several nodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import wandb
import yaml
from offline_runs import OfflineRun, read_runs
from ray.cluster_utils import Cluster
from searching import reports, trial_folders, write_sweep

from pcsearch.cli import main

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

EPOCHS = 30
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


def wait_for_rows(process: subprocess.Popen[bytes], directory: Path, trial: str, rows: int) -> None:
    """Wait until a trial has reported more than so many epochs."""
    end = time.monotonic() + 120
    while not any(
        len(file.read_text().splitlines()) > rows for file in directory.glob(f"{trial}/result.json")
    ):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def sessions(directory: Path) -> dict[str, list[OfflineRun]]:
    """The sessions of each run, in their order."""
    wandb.teardown()
    found: dict[str, list[OfflineRun]] = {}
    for run in read_runs(directory):
        found.setdefault(run.id, []).append(run)
    return found


def kill_with_its_ray(process: subprocess.Popen[bytes]) -> None:
    """Kill the driver as a machine's crash would; Ray's processes notice it by themselves."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_search_goes_on_with_the_same_runs_and_every_epoch_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"x": {"values": [1, 2, 3]}},
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(sweep))
    directory = tmp_path / "here"
    base = [sys.executable, "-m", "pcsearch"]
    start = [*base, "s.yaml", "--trainable", "mine:slow", "--wandb", "offline", "--name", "here"]
    start += ["--storage-path", str(tmp_path), "--max-concurrent", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for command, killed_in, after in (
        (start, "0002_*", 18),
        ([*base, "--resume", str(directory)], "0003_*", 18),
    ):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        wait_for_rows(process, directory, killed_in, after)
        kill_with_its_ray(process)
    last = subprocess.run(
        [*base, "--resume", str(directory)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert last.returncode == 0, last.stderr
    assert "W&B: " not in last.stderr.replace("W&B: offline", "")
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
    # The search's end is told once.
    assert sum(len(part.alerts) for parts in runs.values() for part in parts) == 1


@pytest.fixture
def two_nodes() -> Iterator[None]:
    """A Ray cluster of two nodes on this machine, with room for one trial each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.usefixtures("two_nodes")
def test_trials_on_two_nodes_have_all_their_metrics_pictures_and_films(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = {
        "num_blocks": {"values": [1, 12]},
        "seed": {"values": [1, 2]},
        "save_reconstruction_images": {"value": True},
        "save_reconstruction_video": {"value": True},
        "reconstruction_every_n_epochs": {"value": 2},
    }
    sweep = write_sweep(tmp_path / "s.yaml", wanted | {"epochs": {"value": 4}})
    options = ["--name", "here", "--storage-path", str(tmp_path), "--wandb", "offline"]
    assert main([str(sweep), *options, "--wandb-artifacts", "best"]) == 0, capfd.readouterr().err
    assert "W&B: " not in capfd.readouterr().err.replace("W&B: offline", "")
    runs = sessions(tmp_path / "here")
    trials = trial_folders(tmp_path / "here")
    # Two processes that live to the end, each with the one CPU of a node.
    assert len({reports(trial)[0]["pid"] for trial in trials}) == 2
    for trial in trials:
        (run,) = runs[trial.name[5:]]
        lines = (trial / "result.json").read_text(encoding="utf-8").splitlines()
        assert max(map(len, lines)) < 10_000
        rows = [row for row in run.history if "epoch" in row]
        assert [row["_step"] for row in rows] == [1, 2, 3, 4]
        for row, report in zip(rows, reports(trial), strict=True):
            for name, value in report.items():
                if name.startswith(("Losses/", "LearningRate/", "ValMetrics/", "Vode", "best_")):
                    assert row.get(name) == pytest.approx(value), name
        for key in ("reconstructions_images", "reconstructions_video"):
            assert [row["epoch"] for row in rows if key in row] == [2, 4]
            for row in rows[1::2]:
                name = f"{trial}/reconstructions/epoch_{row['epoch']:04d}"
                original = Path(name + (".gif" if key.endswith("video") else ".png"))
                copied = run.directory / "files" / row[key]["path"]
                assert copied.read_bytes() == original.read_bytes()
        names = [each.name for each in run.artifacts if each.type == "checkpoint"]
        assert names == [f"here-{run.id}"]
    record = json.loads((tmp_path / "here" / "experiment.json").read_text(encoding="utf-8"))
    assert record["tracking"]["artifacts"] == "best"
    best = [a for (run,) in runs.values() for a in run.artifacts if a.name == "here-best"]
    assert best
