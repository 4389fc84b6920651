"""Searches on real clusters of several nodes of this machine, some of which are not like it."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import pickle
import re
import tarfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from cluster_searches import ended, sweep_of, unknown_lines
from commands import wait_for
from own_image_files import class_folders
from ray_nodes import RayNodes, bare_node, ray_nodes
from searching import reports, trial_folders, write_sweep

pytestmark = pytest.mark.slow

HELPER = "from importlib.util import find_spec\n\nHIDDEN = find_spec('optuna') is None\n"
MODULE = """
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from helper import HIDDEN

def where(config):
    import helper, pcsearch
    yield {"loss": config["x"], "pcsearch": pcsearch.__file__, "helper": helper.__file__,
           "hidden": HIDDEN}

def together(config):
    from pcsearch.pc.data.cifar import cifar10
    from pcsearch.pc.data.published import Archive, load
    meeting = Path(config["folder"], "meeting")
    (meeting / str(config["x"])).touch()
    deadline = time.monotonic() + 240
    while len(list(meeting.iterdir())) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    python, binary = Archive("a.tar.gz", config["md5"]), Archive("b", "0")
    release = cifar10(python, binary, url=config["url"], size=20)
    training, _ = load(release, Path(config["folder"], "images"))
    yield {"loss": float(training.labels.sum()), "seen": len(list(meeting.iterdir())),
           "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}

def slow(config):
    import ray
    from ray import tune
    first, checkpoint = 1, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            first = int(Path(folder, "epoch").read_text()) + 1
    node = ray.get_runtime_context().get_node_id()
    signs = Path(config["signs"])
    (signs / node).touch()
    for epoch in range(first, 7):
        while epoch > 3 and not (signs / "go").exists():
            time.sleep(0.05)
        with TemporaryDirectory() as folder:
            Path(folder, "epoch").write_text(str(epoch))
            tune.report({"loss": 1 / epoch, "at": epoch, "node": node},
                        checkpoint=tune.Checkpoint.from_directory(folder))
"""


@pytest.fixture(scope="module")
def head() -> Iterator[RayNodes]:
    """A head that runs no trials."""
    with ray_nodes() as nodes:
        nodes.start("--num-cpus=0")
        yield nodes


@pytest.fixture
def cluster(head: RayNodes) -> Iterator[RayNodes]:
    """The head, and the nodes that a test starts."""
    yield head
    head.close(keep=1)


@pytest.fixture(scope="class")
def node(head: RayNodes) -> Iterator[RayNodes]:
    """The head, and a node for the searches of a class."""
    head.start("--num-cpus=4", "--num-gpus=1")
    yield head
    head.close(keep=1)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a module of the user's own and one that it imports."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "helper.py").write_text(HELPER)
    (folder / "mine.py").write_text(MODULE)
    return folder


def test_a_node_needs_ray_and_torch_only(cluster: RayNodes, code: Path, tmp_path: Path) -> None:
    cluster.start("--num-cpus=1", **bare_node(tmp_path / "bare"))
    mine = sweep_of(tmp_path / "mine.yaml", x=[1])
    options = ["--trainable", "mine:where", "--name", "mine", "--storage-path", tmp_path]
    _, err = ended(cluster.search(mine, *options, cwd=code))
    # Nothing of Ray is in the terminal, and the driver found the token by itself.
    assert [line.split(":")[0] for line in err.splitlines()[:2]] == ["mine", "W&B"]
    assert unknown_lines(err, "mine") == []
    (trial,) = trial_folders(tmp_path / "mine")
    (report,) = reports(trial)
    assert report["hidden"]
    assert "runtime_resources" in report["pcsearch"]
    assert report["helper"] == str(Path(report["pcsearch"]).parents[1] / "helper.py")


def test_a_node_on_which_trials_would_fail_is_named_with_every_reason(
    cluster: RayNodes, tmp_path: Path
) -> None:
    environment = bare_node(tmp_path / "bare")
    other = tmp_path / "bare" / "torch-1.13.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.13.1\n")
    cluster.start("--num-cpus=1")
    cluster.start("--num-cpus=1", unseen=tmp_path / "shared", **environment)
    images = class_folders(tmp_path / "shared" / "images", each=40)
    constants = {"use_ssl_augmentations": True, "dataset": str(images)}
    wanted = {name: {"value": value} for name, value in constants.items()}
    sweep = write_sweep(tmp_path / "s.yaml", wanted)
    environment = cluster.environment | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    search = cluster.search(sweep, "--storage-path", tmp_path / "shared", env=environment)
    out, err = ended(search, 2)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 5, err
    name = r"\d+\.\d+\.\d+\.\d+ \(\S+, [0-9a-f]{8}\)"
    assert re.fullmatch(
        rf"error: node {name}: has torch 1\.13\.1 \(here .*\); nodes need .*", errors[0]
    )
    assert re.fullmatch(
        rf"error: node {name}: has no kornia: .*--set use_ssl_augmentations=false", errors[1]
    )
    assert re.fullmatch(rf"error: node {name}: has no PIL: .*--set dataset=digits", errors[2])
    assert re.fullmatch(rf"error: node {name}: has no {images}: copy it there, .*", errors[3])
    assert re.fullmatch(
        rf"error: --storage-path: {tmp_path}/shared is not the same folder here and on every node: "
        rf"not on {name} \(No such file or directory\); give a folder that all of them mount",
        errors[4],
    )
    assert out == ""
    # Neither the probe nor an experiment is left.
    assert list((tmp_path / "shared").iterdir()) == [images]


@pytest.mark.parametrize(
    ("token", "says"),
    [("wrong" * 12, "does not take the token of RAY_AUTH_TOKEN"), ("", "this machine has none")],
)
def test_a_cluster_that_wants_another_token_says_so(
    token: str, says: str, cluster: RayNodes, tmp_path: Path
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1]}})
    environment = {**cluster.environment, "HOME": str(tmp_path), "RAY_AUTH_TOKEN": token}
    out, err = ended(cluster.search(sweep, cwd=tmp_path, env=environment), 2)
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: --address: the cluster at {cluster.address} ")
    assert says in error
    assert "Traceback" not in out + err


def test_trials_of_a_node_that_dies_go_on_elsewhere_and_a_node_that_joins_is_used(
    cluster: RayNodes, code: Path, tmp_path: Path
) -> None:
    first = cluster.start("--num-cpus=1")
    cluster.start("--num-cpus=1")
    (signs := tmp_path / "signs").mkdir()
    sweep = sweep_of(tmp_path / "s.yaml", x=[1, 2, 3, 4], signs=str(signs))
    options = ["--trainable", "mine:slow", "--name", "lost", "--storage-path", tmp_path]
    search = cluster.search(sweep, *options, cwd=code)
    begun = wait_for_epochs(tmp_path / "lost", trials=2, epochs=3)
    cluster.kill(first)
    cluster.start("--num-cpus=1")
    # The trial on the other node waits too: it begins on the new one.
    wait_for(lambda: len(list(signs.iterdir())) == 3, search)
    (signs / "go").touch()
    out, err = ended(search)
    assert "Traceback" not in out + err
    assert "raylet" not in out + err
    assert unknown_lines(err, "lost") == []
    histories = [reports(trial) for trial in trial_folders(tmp_path / "lost")]
    assert len(histories) == 4
    for history in histories:
        epochs = [report["at"] for report in history]
        # What was computed after the last checkpoint may be there twice, and nothing is missing.
        assert list(dict.fromkeys(epochs)) == list(range(1, 7))
        assert len(epochs) <= 7
        assert epochs == sorted(epochs)
    moved = [h for h in histories if len({report["node"] for report in h}) > 1]
    assert len(moved) == 1
    assert moved[0][0]["node"] in begun
    used = {report["node"] for history in histories for report in history}
    assert len(used - begun) == 1


def small_archive() -> bytes:
    """CIFAR-10's python archive with 20 images in each batch."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
            images = np.zeros((20, 3072), dtype=np.uint8)
            content = pickle.dumps({b"labels": list(range(10)) * 2, b"data": images}, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def wait_for_epochs(experiment: Path, trials: int, epochs: int) -> set[str]:
    """Wait until so many trials have so many epochs; the nodes that they are on."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        files = [trial / "result.json" for trial in trial_folders(experiment)]
        lines = [file.read_text().splitlines() for file in files if file.exists()]
        if sum(len(each) >= epochs for each in lines) >= trials:
            return {json.loads(each[0])["node"] for each in lines if each}
        time.sleep(0.1)
    raise AssertionError("the trials do not run")


class TestANodeOfFourCPUsAndAGpu:
    """Searches that can share a node."""

    def test_four_trials_share_a_gpu_and_download_once(
        self, node: RayNodes, code: Path, tmp_path: Path
    ) -> None:
        asked, archive = list[str](), small_archive()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                # Long enough for the other trials to come.
                time.sleep(1)
                self.send_response(200)
                self.send_header("Content-Length", str(len(archive)))
                self.end_headers()
                self.wfile.write(archive)

            def log_message(self, *args: Any) -> None:
                pass

        (tmp_path / "meeting").mkdir()
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            sweep = sweep_of(
                tmp_path / "s.yaml",
                x=[1, 2, 3, 4],
                url=f"http://127.0.0.1:{server.server_port}/",
                md5=hashlib.md5(archive, usedforsecurity=False).hexdigest(),
                folder=str(tmp_path),
            )
            options = ["--trainable", "mine:together", "--name", "t", "--storage-path", tmp_path]
            ended(node.search(sweep, *options, "--gpus-per-trial", "0.25", cwd=code))
            server.shutdown()
        given = [reports(trial) for trial in trial_folders(tmp_path / "t")]
        assert [(report["seen"], report["gpus"]) for (report,) in given] == [(4, "0")] * 4
        assert asked == ["/a.tar.gz"]
        assert len({report["loss"] for (report,) in given}) == 1

    def test_a_driver_that_is_killed_goes_on_with_the_trials_of_other_nodes(
        self, node: RayNodes, code: Path, tmp_path: Path
    ) -> None:
        (signs := tmp_path / "signs").mkdir()
        sweep = sweep_of(tmp_path / "s.yaml", x=[1, 2, 3], signs=str(signs))
        options = ["--trainable", "mine:slow", "--name", "cut", "--storage-path", tmp_path]
        two = ("--gpus-per-trial", "0", "--max-concurrent", "2")
        search = node.search(sweep, *options, *two, cwd=code)
        wait_for_epochs(tmp_path / "cut", trials=2, epochs=3)
        search.kill()
        search.communicate()
        killed = int(time.time())
        (signs / "go").touch()
        # Wherever it is started: the experiment knows the folder of its code, and the cluster.
        ended(node.search("--resume", tmp_path / "cut", "--max-concurrent", "1", cwd=tmp_path))
        histories = [reports(trial) for trial in trial_folders(tmp_path / "cut")]
        assert len(histories) == 3
        for history in histories:
            epochs = [report["at"] for report in history]
            assert list(dict.fromkeys(epochs)) == list(range(1, 7))
            assert len(epochs) <= 7
        times = [[report["timestamp"] for report in history] for history in histories]
        after = sorted([each for each in given if each > killed] for given in times)
        assert all(first[-1] <= second[0] for first, second in itertools.pairwise(after))
