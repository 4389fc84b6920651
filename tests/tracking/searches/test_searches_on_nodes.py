"""A whole search whose trials run on several nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import wandb
from offline_runs import sessions
from ray.cluster_utils import Cluster
from searching import reports, trial_folders, write_sweep

from pcsearch.command_line.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def two_nodes() -> Iterator[None]:
    """A Ray cluster of two nodes on this machine, with room for one trial each."""
    cluster = Cluster()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, wait=False)
            cluster.wait_for_nodes(timeout=240)
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
    wandb.teardown()
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
        (model,) = [each for each in run.artifacts if each.type == "checkpoint"]
        assert model.name == f"here-{run.id}"
        # Of the best checkpoint, no other file is uploaded.
        assert [entry.path for entry in model.manifest.contents] == ["model.safetensors"]
    record = json.loads((tmp_path / "here" / "experiment.json").read_text(encoding="utf-8"))
    assert record["tracking"]["artifacts"] == "best"
    best = [a for (run,) in runs.values() for a in run.artifacts if a.name == "here-best"]
    assert best
