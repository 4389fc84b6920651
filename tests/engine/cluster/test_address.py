"""Wrong and dead addresses: each is told on a line, in seconds. No Ray is started here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import keeper

from pcsearch.engine.cluster import address as addresses
from pcsearch.engine.cluster.address import reach
from pcsearch.errors import PcsearchError

pytestmark = pytest.mark.usefixtures("no_ray_settings")


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of a port that takes connections and says nothing."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - Ray takes no loopback
        yield f"127.0.0.1:{server.getsockname()[1]}"


def refusal(address: str) -> str:
    with pytest.raises(PcsearchError) as caught:
        reach(address)
    text = str(caught.value)
    assert text.startswith("--address: ")
    assert "\n" not in text
    return text.removeprefix("--address: ")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        ":6379",
        "host:",
        "host:port",
        "host:-1",
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
        f"{address!r} is not HOST:PORT (the default port is 6379), ray://HOST:PORT or auto"
    )


def test_where_nothing_listens_is_told_at_once() -> None:
    start = time.monotonic()
    with keeper() as kept:
        port = kept.getsockname()[1]
        text = refusal(f"127.0.0.1:{port}")
    assert text.startswith(f"nothing answers at 127.0.0.1:{port} (Connection refused")
    assert text.endswith(
        "start the cluster with 'ray start --head' there, or run on this machine (--address local)"
    )
    assert time.monotonic() - start < 240


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_host_that_cannot_be_one_is_told(host: str) -> None:
    assert refusal(f"{host}:6379").startswith(f"nothing answers at {host}:6379 (")


def test_a_port_that_says_nothing_is_given_up(
    listening: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "PROBE_TIMEOUT_S", 1)
    start = time.monotonic()
    assert refusal(listening) == (
        f"no Ray cluster answers at {listening}: something listens there, and is not Ray's GCS"
    )
    assert time.monotonic() - start < 240
    assert capfd.readouterr() == ("", "")


def test_auto_without_a_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # Others may run Ray on the machine of the tests.
    monkeypatch.setattr(addresses, "bootstrap_address", lambda _: None)
    monkeypatch.setattr(addresses, "public_clusters", lambda: (set[str](), set[str]()))
    assert refusal("auto").startswith("no Ray cluster runs on this machine; start one with")


# What a cluster answers


def refused(answer: dict[str, Any], listening: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(addresses, "_probe", lambda _: answer)
    return refusal(listening)


def test_a_machine_that_is_no_node_is_told_how_to_become_one(
    listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = refused({"mismatch": None, "is_node": False}, listening, monkeypatch)
    assert text == (
        f"this machine is no node of the cluster at {listening}; make it one with "
        f"'ray start --address={listening} --num-cpus=0', run the command on a node, or give "
        "ray://HEAD:10001"
    )


def test_a_cluster_of_another_version_is_named(
    listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"mismatch": "ray 2.9.0 (here 2.60.0)", "is_node": True}
    assert refused(answer, listening, monkeypatch) == (
        f"the cluster at {listening} runs ray 2.9.0 (here 2.60.0); use the same versions"
    )


@pytest.mark.parametrize(
    ("settings", "file", "mode", "says"),
    [
        ({}, False, None, "wants a token, and this machine has none"),
        ({}, True, "token", "does not take the token of HOME/.ray/auth_token"),
        ({"RAY_AUTH_TOKEN": "x"}, True, "token", "does not take the token of RAY_AUTH_TOKEN"),
        ({"RAY_AUTH_TOKEN_PATH": "HOME/mine"}, True, "token", "the token of HOME/mine"),
        ({"RAY_AUTH_MODE": "disabled"}, True, "disabled", "RAY_AUTH_MODE=disabled sends none"),
    ],
)
def test_a_token_that_is_not_taken_is_explained(
    settings: dict[str, str],
    file: bool,
    mode: str | None,
    says: str,
    listening: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path in (tmp_path / ".ray" / "auth_token", tmp_path / "mine"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret" if file else "")
    for name, value in settings.items():
        monkeypatch.setenv(name, value.replace("HOME", str(tmp_path)))
    text = refused({"unauthenticated": True}, listening, monkeypatch)
    assert says.replace("HOME", str(tmp_path)) in text
    assert "secret" not in text
    assert os.environ.get("RAY_AUTH_MODE") == mode


@pytest.mark.parametrize(
    "settings",
    [{"RAY_AUTH_MODE": "token"}, {"RAY_AUTH_TOKEN_PATH": "/nowhere", "RAY_AUTH_MODE": "token"}],
)
def test_a_token_that_is_promised_and_not_there_is_told_before_ray_is_asked(
    settings: dict[str, str], listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def never(_address: str) -> dict[str, Any]:
        raise AssertionError("Ray was asked")

    monkeypatch.setattr(addresses, "_probe", never)
    assert "token" in refusal(listening)
