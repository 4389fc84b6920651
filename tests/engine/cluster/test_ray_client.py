"""What is particular to ``ray://``; searches through a real Ray Client are in tests/searches."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ray.exceptions import RayTaskError

from pcsearch.engine.cluster import address as addresses
from pcsearch.engine.cluster import ray_client
from pcsearch.engine.cluster.ray_client import (
    ConnectionLostError,
    adapted,
    connection_kept,
    reach,
    refusal,
)
from pcsearch.errors import PcsearchError

pytestmark = pytest.mark.usefixtures("no_ray_settings")
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.59.0
    Python: 3.12.1
This process on Ray Client was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


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
        f"'ray://{target}' is not ray://HOST:PORT (the port is 10001 unless told)"
    )


def test_where_nothing_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    text = refused(f"ray://127.0.0.1:{port}")
    assert text.startswith(f"nothing answers at ray://127.0.0.1:{port} (Connection refused")
    assert "it serves ray:// where grpcio is installed" in text


def test_a_port_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ray_client.ASK_TIMEOUT_S + addresses.CONNECT_TIMEOUT_S < 15
    monkeypatch.setattr(ray_client, "ASK_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"ray://127.0.0.1:{server.getsockname()[1]}"
        text = refused(address)
    assert text.startswith(f"no server of Ray Client answers at {address}: something else listens")


def test_without_grpcio_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_client, "find_spec", lambda _: None)
    with (
        pytest.raises(PcsearchError, match=r"^--address: ray:// needs grpcio: pip install "),
        adapted(),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            MISMATCH,
            "the cluster at ray://h:1 runs ray 2.59.0 (here 2.60.0), python 3.12.1 (here 3.11.7); "
            "use the same versions",
        ),
        (
            "Initialization failure from server:\nTraceback (most recent):\n  x\nE: why\n",
            "the cluster at ray://h:1 takes no driver (E: why)",
        ),
        ("", "the cluster at ray://h:1 takes no driver (RuntimeError(''))"),
    ],
)
def test_why_ray_has_not_connected_is_told_on_one_line(text: str, expected: str) -> None:
    assert refusal("ray://h:1", RuntimeError(text)) == expected


@pytest.mark.parametrize("error", [ConnectionError("gone"), Exception("Ray is not connected")])
def test_an_error_of_a_connection_that_is_lost_is_told_as_that(error: Exception) -> None:
    lost = "connection to the cluster was lost"
    with pytest.raises(ConnectionLostError, match=lost), adapted(), connection_kept():
        raise error
    # Only where there was one.
    with pytest.raises(type(error), match=str(error)), connection_kept():
        raise error


def test_a_connection_that_a_trial_has_lost_is_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_client.ray, "is_initialized", lambda: True)
    error = RayTaskError("train", "ConnectionError: no dataset", ConnectionError("no dataset"))
    with adapted():
        assert not ray_client.is_lost(error)
        assert not ray_client.is_lost(error.as_instanceof_cause())
        assert ray_client.is_lost(ConnectionError("gone"))


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
