"""Mistakes in ``--address`` and trials too large for any node; no Ray is started here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from pcsearch.engine.cluster import check_room, connected, gpus_per_trial
from pcsearch.engine.options import Options
from pcsearch.errors import PcsearchError


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What would start or reach a real Ray fails the test."""

    def refuse(*_args: Any, **_options: Any) -> None:
        raise AssertionError("Ray was asked")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Set and removed, so that what the code sets is undone too.
    monkeypatch.setenv("RAY_AUTH_MODE", "")
    monkeypatch.delenv("RAY_AUTH_MODE")


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of a port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def refusal(address: str) -> str:
    with pytest.raises(PcsearchError) as caught, connected(address):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        ":6379",
        "host:",
        "host:port",
        "host:-1",
        "ray://host:10001",
        "host:6379/x",
        "host:²",
        "host:٣",
        "host:65536",
        "host:99999",
        "Auto",
        "http://127.0.0.1:8265",
    ],
)
def test_an_address_that_is_no_host_and_port_is_refused(address: str) -> None:
    assert refusal(address) == (
        f"--address: {address!r} is not HOST:PORT (the port is 6379 unless told) or auto"
    )


def test_where_nothing_listens_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    start = time.monotonic()
    assert refusal(f"127.0.0.1:{port}") == (
        f"--address: nothing answers at 127.0.0.1:{port} (Connection refused); start the cluster "
        "with 'ray start --head' there, or leave the option out to run on this machine"
    )
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_host_that_cannot_be_one_is_told(host: str) -> None:
    assert refusal(f"{host}:6379").startswith(f"--address: nothing answers at {host}:6379 (")


@pytest.mark.parametrize("error", [ConnectionError, RuntimeError, ValueError])
def test_a_port_that_is_not_rays_is_told_with_the_first_line_of_the_reason(
    error: type[Exception], listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_options: Any) -> None:
        raise error("\n it is not Ray\nand much more\n")

    monkeypatch.setattr(ray, "init", init)
    text = refusal(listening)
    assert text == f"--address: no Ray cluster answers at {listening} (it is not Ray)"


def test_an_error_of_a_ray_of_ones_own_is_not_a_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**_options: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="no memory"), connected(None):
        pass


@pytest.mark.parametrize("given", [None, "auto", "port"])
def test_ray_is_left_when_the_block_ends_in_an_error(
    given: str | None, listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = listening if given == "port" else given
    events: list[str] = []
    monkeypatch.setattr(ray, "init", lambda **options: events.append(options["address"]))
    monkeypatch.setattr(ray, "shutdown", lambda: events.append("shutdown"))
    with pytest.raises(KeyError), connected(address):
        raise KeyError
    assert events == [address or "local", "shutdown"]


def test_a_running_cluster_is_not_told_how_large_its_store_is(
    listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "init", lambda **options: given.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    for address in (None, listening):
        with connected(address):
            pass
    assert "object_store_memory" in given[0]
    assert "object_store_memory" not in given[1]


@pytest.mark.parametrize(
    ("has_token", "already", "expected"),
    [(True, None, "token"), (False, None, None), (True, "disabled", "disabled")],
)
def test_a_cluster_gets_its_token_where_there_is_one(
    has_token: bool,
    already: str | None,
    expected: str | None,
    listening: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if has_token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("secret")
    if already is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", already)
    seen: list[str | None] = []
    monkeypatch.setattr(ray, "init", lambda **_: seen.append(os.environ.get("RAY_AUTH_MODE")))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with connected(listening):
        pass
    assert seen == [expected]


# Room for a trial


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The nodes of a cluster of stand-ins, to be filled."""
    nodes: list[dict[str, Any]] = []

    def total() -> dict[str, float]:
        resources: dict[str, float] = {}
        for each in nodes:
            for key, amount in each["Resources"].items() if each["Alive"] else ():
                resources[key] = resources.get(key, 0) + amount
        return resources

    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "cluster_resources", total)
    return nodes


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus"),
    [
        ([node(CPU=2)], 1, None),
        ([node(CPU=2)], 2, 0),
        ([node(CPU=1), node(CPU=8)], 4, None),
        ([node(CPU=2, GPU=1)], 0.5, None),
        ([node(CPU=2, GPU=1)], 1, 0.25),
        ([node(CPU=8), node(CPU=2, GPU=2)], 2, 2),
    ],
)
def test_a_trial_that_fits_on_one_node_has_room(
    cluster: list[dict[str, Any]], nodes: list[dict[str, Any]], cpus: float, gpus: float | None
) -> None:
    cluster += nodes
    check_room(Options(cpus_per_trial=cpus, gpus_per_trial=gpus))


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "wanted", "most"),
    [
        ([node(CPU=2)], 3, None, "3 CPUs and 0 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=2)], 1, 0.5, "1 CPUs and 0.5 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=2), node(CPU=2)], 4, None, "4 CPUs and 0 GPUs", "2 CPUs, 0 GPUs"),
        ([node(CPU=8), node(CPU=1, GPU=1)], 2, None, "2 CPUs and 1 GPUs", "8 CPUs, 1 GPUs"),
        ([node(CPU=1), node(alive=False, CPU=64)], 2, None, "2 CPUs and 0 GPUs", "1 CPUs, 0 GPUs"),
    ],
)
def test_a_trial_that_no_node_can_take_is_refused(
    cluster: list[dict[str, Any]],
    nodes: list[dict[str, Any]],
    cpus: float,
    gpus: float | None,
    wanted: str,
    most: str,
) -> None:
    cluster += nodes
    with pytest.raises(PcsearchError) as caught:
        check_room(Options(cpus_per_trial=cpus, gpus_per_trial=gpus))
    assert str(caught.value) == (
        f"--cpus-per-trial, --gpus-per-trial: a trial wants {wanted}, and no node has them "
        f"(the largest: {most})"
    )


@pytest.mark.parametrize(
    ("nodes", "given", "expected"),
    [
        ([node(CPU=2)], None, 0.0),
        ([node(CPU=2), node(CPU=2, GPU=4)], None, 1.0),
        ([node(CPU=2, GPU=4)], 0, 0),
        ([node(CPU=2, GPU=4)], 0.25, 0.25),
    ],
)
def test_a_trial_takes_one_gpu_where_there_are_any_unless_told(
    cluster: list[dict[str, Any]], nodes: list[dict[str, Any]], given: float | None, expected: float
) -> None:
    cluster += nodes
    assert gpus_per_trial(Options(gpus_per_trial=given)) == expected
