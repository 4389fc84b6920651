"""Real Ray clusters for tests: nodes of ``ray start`` on this machine, to be killed one by one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray  # noqa: F401 - it makes its copy of psutil importable
from ports import free_port

import psutil  # isort: skip

ROOT = Path(__file__).parents[2]
TOKEN = "t" * 64
START_TIMEOUT_S = 240
AS_ROOT = [] if os.getuid() == 0 else ["--map-root-user"]

# The command, which waits for the answer of a cluster on a busy machine.
COMMAND = """
import sys
from pcsearch.command_line.cli import main
from pcsearch.engine.cluster import address
address.PROBE_TIMEOUT_S = 120
sys.exit(main(sys.argv[1:]))
"""
COUNT_NODES = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
print(sum(node["Alive"] for node in ray.nodes()))
"""
# The Python of a worker that finds pcsearch only where it was sent to the node, and of other
# packages only those that ray and torch install.
BARE_NODE = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {hidden!r}


class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in HIDDEN:
            return None
        if top == "pcsearch" and path is None:
            sent = [each for each in sys.path if "runtime_resources" in each]
            return PathFinder.find_spec(name, sent) if self.finder is PathFinder else None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
"""
HIDDEN = [
    "PIL",
    "alembic",
    "cmaes",
    "colorlog",
    "greenlet",
    "kornia",
    "kornia_rs",
    "optuna",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "threadpoolctl",
    "wandb",
]


class RayNodes:
    """A cluster that wants a token; the first node started is its head.

    Args:
        folder: a short path for everything of the cluster.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        (self.home / ".ray").mkdir(parents=True)
        (self.home / ".ray" / "auth_token").write_text(TOKEN, encoding="utf-8")
        self._folder = folder
        self._nodes: list[subprocess.Popen[bytes]] = []
        self.address = ""
        self.client_address = ""
        """The address of Ray Client's server on the head."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a driver with the token in its home folder and no settings of Ray."""
        taken = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        return taken | {
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def start(
        self, *options: str, unseen: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a node, and wait until it is one.

        Args:
            options: of ``ray start``.
            unseen: a folder whose content the node does not see.
            environment: variables of the node, besides the usual ones.
        """
        first = not self._nodes
        if first:
            self.address = f"{own_address()}:{free_port()}"
            self.client_address = f"ray://127.0.0.1:{free_port()}"
            place = ["--head", f"--port={self.address.rpartition(':')[2]}"]
            place += [f"--ray-client-server-port={self.client_address.rpartition(':')[2]}"]
            place += ["--include-dashboard=false", f"--temp-dir={self._folder / 'ray'}"]
        else:
            place = [f"--address={self.address}"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *place]
        if unseen is not None:
            unseen.mkdir(exist_ok=True)
            mounted = f'mount -t tmpfs none "{unseen}" && exec "$@"'
            command = ["unshare", "--mount", *AS_ROOT, "sh", "-c", mounted, "sh", *command]
        with (self._folder / f"node_{len(self._nodes)}.log").open("wb") as log:
            node = subprocess.Popen(
                [*command, "--object-store-memory=100000000", *options],
                env=self.environment | NODES | environment,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._nodes.append(node)
        self._wait_for(node, log.name)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill every process of a node, as when its machine loses its power."""
        processes = [node, *psutil.Process(node.pid).children(recursive=True)]
        # The raylet first: it would tell the cluster that the others end.
        for process in sorted(processes, key=lambda each: _name(each) != "raylet"):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        node.wait()

    def close(self, keep: int = 0) -> None:
        """End every node but the first ones."""
        killed = False
        for node in reversed(self._nodes[keep:]):
            if node.poll() is None:
                # The cluster knows at once that a node ends in good order.
                node.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    node.wait(60)
            if node.poll() is None:
                self.kill(node)
                killed = True
        if killed and keep:
            self._wait_until_there_are(keep)

    def search(
        self, *arguments: Any, address: str | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start the command with the address of this cluster, or with another."""
        command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
        defaults: dict[str, Any] = {"env": self.environment}
        return subprocess.Popen(
            [*command, "--address", address or self.address, "--wandb", "disabled"],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **(defaults | options),
        )

    def _wait_until_there_are(self, nodes: int) -> None:
        """Wait until the cluster knows that others are dead: trials would be sent to them."""
        command = [sys.executable, "-c", COUNT_NODES, self.address]
        environment = self.environment | NODES
        deadline = time.monotonic() + START_TIMEOUT_S
        while int(subprocess.check_output(command, env=environment, timeout=240)) > nodes:
            assert time.monotonic() < deadline, "the cluster waits for a dead node"

    def _wait_for(self, node: subprocess.Popen[bytes], log: str) -> None:
        for _ in range(START_TIMEOUT_S * 10):
            text = Path(log).read_text(encoding="utf-8", errors="replace")
            if "Ray runtime started" in text:
                return
            assert node.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(text)


@contextmanager
def ray_nodes() -> Iterator[RayNodes]:
    """A cluster that has no nodes yet; its nodes end with the block."""
    # The names of Ray's sockets have room for a short path only.
    folder = Path(tempfile.mkdtemp(prefix="rn_"))
    cluster = RayNodes(folder)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def bare_node(folder: Path) -> dict[str, str]:
    """The environment of a node that has ray, torch and the packages that these install only."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BARE_NODE.format(hidden=HIDDEN), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def own_address() -> str:
    """This machine's own address, which Ray also takes in place of the loopback address."""
    from ray.util import get_node_ip_address

    return str(get_node_ip_address())


def _name(process: Any) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, AttributeError):
        return str(process.name())
    return ""


# Without the second, Ray Client's server fails now and then to start its processes
# (ray-project/ray#63202).
NODES = {"RAY_AUTH_MODE": "token", "GRPC_ENABLE_FORK_SUPPORT": "0"}
