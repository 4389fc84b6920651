"""What is particular to ``ray://``; searches through a real Ray Client are in tests/searches."""

from __future__ import annotations

import os
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from ports import keeper
from ray.exceptions import AuthenticationError, RayTaskError

from pcsearch.engine.cluster import address as addresses
from pcsearch.engine.cluster import ray_client
from pcsearch.engine.cluster.ray_client import (
    client_settings,
    connect,
    hide_closed_channels,
    on_head,
    reach,
)
from pcsearch.engine.ray_internals import forget_token
from pcsearch.errors import PcsearchError

pytestmark = pytest.mark.usefixtures("no_ray_settings")


def refused(address: str) -> str:
    with pytest.raises(PcsearchError) as caught:
        reach(address)
    text = str(caught.value)
    assert text.startswith("--address: ")
    assert "\n" not in text
    return text.removeprefix("--address: ")


@pytest.mark.parametrize("target", ["", "head", "head:", "head:x", ":10001", "head:10001/x"])
def test_an_address_that_is_no_host_and_port_is_refused(target: str) -> None:
    assert refused(f"ray://{target}") == (
        f"'ray://{target}' is not ray://HOST:PORT (the default port is 10001)"
    )


def test_where_nothing_listens_is_told() -> None:
    with keeper() as kept:
        port = kept.getsockname()[1]
        text = refused(f"ray://127.0.0.1:{port}")
    assert text.startswith(f"nothing answers at ray://127.0.0.1:{port} (Connection refused")
    assert "it serves ray:// where grpcio is installed" in text


def test_a_port_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ray_client.PING_TIMEOUT_S + addresses.CONNECT_TIMEOUT_S < 15
    monkeypatch.setattr(ray_client, "PING_TIMEOUT_S", 0.3)
    # Ray sends one in this process if it has done so before.
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)
    forget_token()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"ray://127.0.0.1:{server.getsockname()[1]}"
        text = refused(address)
    assert text.startswith(f"no server of Ray Client answers at {address}: something else listens")
    forget_token()


def test_a_token_that_ray_has_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AuthenticationError("Token authentication is enabled but there is none")

    monkeypatch.setattr(ray_client, "ping_client_server", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = refused(f"ray://127.0.0.1:{server.getsockname()[1]}")
    assert "wants a token, and this machine has none" in text


def test_without_grpcio_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_client, "find_spec", lambda _: None)
    with (
        pytest.raises(PcsearchError, match=r"^--address: ray:// needs grpcio: pip install "),
        client_settings(),
    ):
        pass


@pytest.mark.parametrize(
    ("ray_version", "python_version", "mismatch"),
    [
        ("2.60.0", "3.11.7", ""),
        ("2.60.0", "3.11.9", ""),
        ("2.59.0", "3.11.9", "ray 2.59.0 (here 2.60.0)"),
        ("2.59.0", "3.12.1", "ray 2.59.0 (here 2.60.0), python 3.12.1 (here 3.11.7)"),
    ],
)
def test_a_cluster_of_other_versions_is_left_and_told(
    ray_version: str, python_version: str, mismatch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_client.ray, "__version__", "2.60.0")
    monkeypatch.setattr(ray_client.platform, "python_version", lambda: "3.11.7")
    calls: list[str] = []
    monkeypatch.setattr(ray_client.ray, "shutdown", lambda: calls.append("shutdown"))

    def connect_to_ray() -> SimpleNamespace:
        assert ray_client.IGNORE_VERSIONS in os.environ
        return SimpleNamespace(ray_version=ray_version, python_version=python_version)

    if not mismatch:
        connect(connect_to_ray, "ray://h:1")
    else:
        with pytest.raises(PcsearchError) as caught:
            connect(connect_to_ray, "ray://h:1")
        assert str(caught.value) == (
            f"--address: the cluster at ray://h:1 runs {mismatch}; use the same versions"
        )
    assert calls == ["shutdown"] * bool(mismatch)
    assert ray_client.IGNORE_VERSIONS not in os.environ


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Initialization failure from server:\nTraceback (most recent):\n  x\nE: why\n", "E: why"),
        ("", "RuntimeError('')"),
    ],
)
def test_why_ray_has_not_connected_is_told_on_one_line(text: str, reason: str) -> None:
    def connect_to_ray() -> None:
        raise RuntimeError(text)

    with pytest.raises(PcsearchError) as caught:
        connect(connect_to_ray, "ray://h:1")
    assert str(caught.value) == f"--address: the cluster at ray://h:1 takes no driver ({reason})"


def test_a_thread_that_watches_a_closed_channel_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda error: shown.append(error.exc_value))
    for _ in range(2):
        hide_closed_channels()
    channel = grpc.insecure_channel("127.0.0.1:1")
    channel.close()

    def watch() -> None:
        channel._channel.watch_connectivity_state(0, time.time() + 1)

    def fail() -> None:
        raise ValueError("another")

    for target in (watch, fail):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert [str(each) for each in shown] == ["another"]


def test_a_head_that_cannot_be_asked_is_told_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Task:
        def remote(self, *_: Any) -> None:
            raise RayTaskError("f", "Traceback:\n  x\nModuleNotFoundError: pandas", ImportError())

    monkeypatch.setattr(ray_client.ray, "remote", lambda **_: lambda _: Task())
    with pytest.raises(PcsearchError) as caught:
        ray_client.on_head(len, "a")
    assert str(caught.value) == (
        "--address: the head of the cluster cannot be asked (ModuleNotFoundError: pandas)"
    )


@pytest.mark.parametrize("failures", [0, 2, 99])
def test_the_head_is_asked_again_while_modules_are_missing(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray unpacks them anew while a process imports them; where they never come, a line says so."""
    calls: list[object] = []

    class Task:
        def remote(self, argument: str) -> str:
            calls.append(self)
            if len(calls) <= failures:
                raise ModuleNotFoundError("No module named 'pcsearch.engine.cluster'")
            return f"{argument} on the head"

    # A clock on which time passes in pauses only.
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: sum(now), sleep=now.append)
    monkeypatch.setattr(ray_client, "time", clock)
    monkeypatch.setattr(ray_client.ray, "remote", lambda **_: lambda _: Task())
    monkeypatch.setattr(ray_client.ray, "get", lambda task, timeout: task)  # noqa: ARG005
    if failures < 99:
        assert on_head(str, "asked") == "asked on the head"
        assert len(set(calls)) == failures + 1, "a task that has failed is of no more use"
    else:
        with pytest.raises(PcsearchError, match=r"cannot be asked .No module named 'pcsearch\.eng"):
            on_head(str, "asked")
