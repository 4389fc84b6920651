"""Searches that reach a real cluster through Ray Client, and a node that joins and is odd."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cluster_searches import ended, sweep_of, unknown_lines
from commands import COUNTED, computed, events, hold, wait_for
from ray_nodes import RayNodes, bare_node, ray_nodes
from searching import TINY, own, reports, trial_folders, write_sweep

from pcsearch.pc.training import train

pytestmark = pytest.mark.slow

SECONDS = 240
EPOCHS = 8


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """A head that runs no trials, and a node, both of which have ray and torch only."""
    bare = bare_node(tmp_path_factory.mktemp("node") / "bare")
    with ray_nodes() as nodes:
        nodes.start("--num-cpus=0", **bare)
        nodes.start("--num-cpus=2", **bare)
        yield nodes


class Client:
    """The command with the address of Ray Client, in a folder of its own.

    Args:
        cluster: that it reaches.
        folder: where it is started, and where its experiments go.
    """

    def __init__(self, cluster: RayNodes, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder
        (folder / "counted.py").write_text(COUNTED)
        self.environment = cluster.environment

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Start it."""
        defaults = {"env": self.environment, "address": self._cluster.client_address}
        return self._cluster.search(*arguments, cwd=self.folder, **(defaults | options))

    def start(self, name: str, *arguments: str, trials: int, **options: Any) -> Any:
        """Start a search of some seconds."""
        values = [each / 10 for each in range(trials)]
        sweep = sweep_of(
            self.folder / "s.yaml", x=values, folder=str(self.folder), epochs=EPOCHS, seconds=0.0
        )
        where = ("--name", name, "--storage-path", self.folder)
        return self(sweep, "--trainable", "counted:counted", *where, *arguments, **options)

    def wait_for_epoch(self, name: str, epoch: int, search: Any) -> None:
        """Wait until a trial has so many."""

        def reached() -> bool:
            files = self.folder.glob(f"{name}/*/result.json")
            return any(len(file.read_text().splitlines()) >= epoch for file in files)

        wait_for(reached, search)


@pytest.fixture
def client(cluster: RayNodes, tmp_path: Path) -> Client:
    return Client(cluster, tmp_path)


def check_histories(experiment: Path, trials: int) -> None:
    """Each trial has every epoch once."""
    folders = trial_folders(experiment)
    assert len(folders) == trials
    for folder in folders:
        numbers = [report["training_iteration"] for report in reports(folder)]
        assert numbers == list(range(1, EPOCHS + 1)), folder.name


def error_of(err: str) -> str:
    """The one line of an error, where Ray says nothing besides."""
    assert "Traceback" not in err
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert err.splitlines()[-1] == error
    return error.removeprefix("error: ")


def test_a_search_gives_what_its_trials_give_alone(client: Client) -> None:
    sweep = write_sweep(client.folder / "s.yaml", {"seed": {"values": [1, 2]}})
    out, err = ended(client(sweep, "--name", "a", "--storage-path", client.folder), 0, SECONDS)
    assert f"Everything lies in {client.folder / 'a'}" in out
    # Nothing of Ray is in the terminal.
    assert unknown_lines(err, "a") == []
    for trial, seed in zip(trial_folders(client.folder / "a"), (1, 2), strict=True):
        expected = list(train(TINY | {"seed": seed}))
        pairs = zip(reports(trial), expected, strict=True)
        assert [own(kept, each) for kept, each in pairs] == expected


@pytest.mark.parametrize(
    ("token", "says"),
    [("wrong" * 12, "does not take the token of RAY_AUTH_TOKEN"), ("", "this machine has none")],
)
def test_a_cluster_that_wants_another_token_says_so(
    token: str, says: str, client: Client, tmp_path: Path
) -> None:
    environment = client.environment | {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": token}
    _, err = ended(client.start("a", trials=1, env=environment), 2)
    error = error_of(err)
    assert re.match(r"--address: the cluster at ray://127\.0\.0\.1:\d+ ", error)
    assert says in error


def test_a_port_of_another_server_of_ray_is_told(client: Client, cluster: RayNodes) -> None:
    address = f"ray://{cluster.address}"
    _, err = ended(client.start("a", trials=1, address=address), 2)
    assert error_of(err).startswith(
        f"--address: no server of Ray Client answers at {address}: another server of Ray listens"
    )


class Relay:
    """A port that leads to another, until it is closed with all that goes through it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = [self._server]
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)


def test_a_search_that_is_cut_off_interrupted_and_killed_ends_as_if_nothing_had_been(
    client: Client, cluster: RayNodes
) -> None:
    """At last a node joins that is odd: it does not see the storage, and gets no trials."""
    trials = [0.0, 0.1, 0.2, 0.3]
    experiment = client.folder / "here"
    go_on = f"python -m pcsearch --resume {experiment}"
    # How long the cluster waits for a driver that is gone: less than usual.
    client.environment |= {"RAY_CLIENT_RECONNECT_GRACE_PERIOD": "3"}

    def hold_all(epoch: int) -> list[Path]:
        return [hold(client.folder, x, epoch) for x in trials]

    relay = Relay(int(cluster.client_address.rpartition(":")[2]))
    hold_all(epoch=4)
    search = client.start("here", trials=len(trials), address=f"ray://127.0.0.1:{relay.port}")
    client.wait_for_epoch("here", 2, search)
    relay.close()
    _, err = ended(search, 2, SECONDS)
    assert error_of(err) == f"the connection to the cluster was lost; resume it: {go_on}"
    # No trial has failed of it.
    assert events(experiment, "ended") == []

    hold_all(epoch=6)
    search = client("--resume", "here")
    client.wait_for_epoch("here", 4, search)
    search.send_signal(signal.SIGINT)
    out, _ = ended(search, 130, SECONDS)
    assert out.splitlines()[-1] == f"Resume it: {go_on}"

    held = hold_all(epoch=8)
    search = client("--resume", "here")
    client.wait_for_epoch("here", 6, search)
    search.kill()
    search.communicate()

    # At once: the cluster may not know yet that the driver is dead.
    search = client("--resume", "here", "--max-failures", "0")
    client.wait_for_epoch("here", 7, search)
    # Two trials wait for room, and this node has it.
    node = cluster.start("--num-cpus=2", unseen=client.folder)
    try:
        told = next(line for line in search.stderr if line.startswith("A node has joined"))
        for each in held:
            each.unlink()
        ended(search, 0, SECONDS)
    finally:
        cluster.kill(node)
    assert re.fullmatch(
        r"A node has joined that gets no trials: --storage-path: \S+ is not the same folder "
        r"here and on every node: not on \S+ \(.*\); give a folder that all of them mount\n",
        told,
    )
    assert [event["failed"] for event in events(experiment, "ended")] == [False] * len(trials)
    check_histories(experiment, len(trials))
    again = computed(client.folder)
    assert len(again) - len(set(again)) <= 2 * 3
