"""A search on a cluster that shares no folder with its driver: its storage is an address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster_searches import ended
from ray_nodes import RayNodes, ray_nodes
from s3 import KEYS, S3, serving
from searching import write_sweep

from pcsearch import load_model
from pcsearch.pc.metrics import RECONSTRUCTIONS

pytestmark = pytest.mark.slow

PROGRAM = """
import json
import beside
import wandb
(number,) = json.load(open("data.json"))
wandb.init()
wandb.log({"loss": beside.scale * number * wandb.config.x})
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def cluster() -> Iterator[RayNodes]:
    with ray_nodes() as nodes:
        yield nodes


def test_trials_send_their_checkpoints_and_pictures_from_their_nodes(
    cluster: RayNodes, s3: S3, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    cluster.start("--num-cpus=1", unseen=project, **KEYS)
    pictures = {"save_reconstruction_images": {"value": True}, "epochs": {"value": 2}}
    every = {"reconstruction_every_n_epochs": {"value": 1}, "seed": {"values": [1, 2]}}
    sweep = write_sweep(tmp_path / "s.yaml", pictures | every)
    storage = ["--storage-path", s3.address("nodes"), "--name"]
    environment = cluster.environment | KEYS
    ended(cluster.search(sweep, *storage, "pictures", env=environment))
    objects = s3.objects("nodes/pictures")
    trials = sorted(name.partition("/")[0] for name in objects if name.endswith("result.json"))
    assert len(trials) == 2
    for trial in trials:
        reports = [json.loads(line) for line in objects[f"{trial}/result.json"].splitlines()]
        assert [report["epoch"] for report in reports] == [1, 2]
        for report in reports:
            assert objects[f"{trial}/{report[RECONSTRUCTIONS]}"].startswith(b"\x89PNG")
        assert f"{trial}/{reports[-1]['checkpoint_dir_name']}/state.pt" in objects
    # The driver has copied the best model from one place of the storage to another.
    s3.download("nodes/pictures/best", tmp_path / "best")
    described = json.loads(objects["best/metrics.json"])
    assert load_model(tmp_path / "best").metrics == described["metrics"]
    assert described["trial"] in (1, 2)

    # A program finds its folder, which no node sees.
    (project / "src").mkdir()
    (project / "src" / "beside.py").write_text("scale = 2.5")
    (project / "data.json").write_text("[3]")
    (project / "train.py").write_text(PROGRAM)
    program = {"program": "train.py", "method": "grid", "parameters": {"x": {"values": [1, 2]}}}
    metric = {"metric": {"name": "loss", "goal": "minimize"}}
    (project / "s.yaml").write_text(yaml.safe_dump(program | metric))
    path = f"{environment['PYTHONPATH']}:{project / 'src'}"
    at = {"env": environment | {"PYTHONPATH": path}, "cwd": project}
    ended(cluster.search("s.yaml", *storage, "program", **at))
    objects = s3.objects("nodes/program")
    found = [json.loads(objects[name]) for name in objects if name.endswith("/result.json")]
    assert sorted(report["loss"] for report in found) == [7.5, 15]
