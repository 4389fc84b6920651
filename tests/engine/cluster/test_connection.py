"""Which Ray is used, how it is started, and what becomes of a connection that is lost."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import RayTaskError

from pcsearch.engine.cluster import connection
from pcsearch.engine.cluster.connection import Connection, ConnectionLostError, connected
from pcsearch.errors import PcsearchError
from pcsearch.system.signals import ENDING

FOUND = "10.0.0.1:6379"
CONTEXT = SimpleNamespace(address_info={"session_dir": "/session"})


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What would start or reach a real Ray fails the test."""

    def refuse(*_args: Any, **_options: Any) -> None:
        raise AssertionError("Ray was asked")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(connection, "reach", lambda _: FOUND)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Set and removed, so that what the code sets is undone too.
    for name in ("RAY_AUTH_MODE", "RAY_OVERRIDE_JOB_RUNTIME_ENV"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def refusal(address: str) -> str:
    with pytest.raises(PcsearchError) as caught, connected(address):
        pass
    return str(caught.value)


@pytest.mark.parametrize("error", [ConnectionError, RuntimeError, ValueError])
def test_a_cluster_that_goes_away_while_ray_connects_is_told_on_one_line(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_options: Any) -> None:
        raise error("\n it is not Ray\nand much more\n")

    monkeypatch.setattr(ray, "init", init)
    assert refusal("head:6379") == (
        "--address: no Ray cluster answers at head:6379 (it is not Ray and much more)"
    )


@pytest.mark.usefixtures("heeded_hangup")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_ray_starts_ends_ray_too(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def init(**_options: Any) -> Any:
        signal.raise_signal(number)
        return CONTEXT

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append(True))
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), connected(None):
        raise AssertionError("the search begins")
    assert ended == [True]
    assert signal.getsignal(number) is before


def test_an_error_of_a_ray_of_ones_own_is_not_a_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**_options: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="no memory"), connected(None):
        pass


@pytest.mark.parametrize(
    ("given", "used"), [(None, "local"), ("local", "local"), ("auto", FOUND), ("head:6379", FOUND)]
)
def test_ray_is_left_when_the_block_ends_in_an_error_which_names_its_logs(
    given: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def init(**options: Any) -> Any:
        events.append(options["address"])
        return CONTEXT

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: events.append("shutdown"))
    monkeypatch.setattr(connection, "keep_logs", lambda logs: f"kept of {logs}")
    with pytest.raises(KeyError) as caught, connected(given):
        raise KeyError
    logs = "kept of /session/logs" if used == "local" else "/session/logs"
    assert caught.value.__notes__ == [f"Ray's own logs lie in {logs}"]
    assert events == [used, "shutdown"]


def test_a_running_cluster_is_sent_the_code_and_not_told_how_large_its_store_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, Any]] = []
    sent: list[list[str]] = []

    def init(**options: Any) -> Any:
        given.append(options)
        folder = options.get("runtime_env", {}).get("working_dir")
        sent.append([each.name for each in Path(folder).iterdir()] if folder else [])
        return CONTEXT

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    for address in (None, "head:6379"):
        with connected(address):
            pass
    assert "object_store_memory" in given[0]
    assert "object_store_memory" not in given[1]
    assert not Path(given[0]["_temp_dir"]).exists()
    assert "_temp_dir" not in given[1]
    assert sent == [[], ["pcsearch"]]
    assert not Path(given[1]["runtime_env"]["working_dir"]).exists()


@pytest.mark.parametrize("error", [ConnectionError("gone"), Exception("Ray is not connected")])
def test_an_error_of_a_connection_that_is_lost_is_told_as_that(error: Exception) -> None:
    lost = "connection to the cluster was lost"
    with pytest.raises(ConnectionLostError, match=lost), Connection(client=True).required():
        raise error
    # Only through Ray Client a connection is lost while its process lives.
    with pytest.raises(type(error), match=str(error)), Connection().required():
        raise error


def test_a_connection_that_a_trial_has_lost_is_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    error = RayTaskError("train", "ConnectionError: no dataset", ConnectionError("no dataset"))
    client = Connection(client=True)
    assert not client.is_lost(error)
    assert not client.is_lost(error.as_instanceof_cause())
    assert client.is_lost(ConnectionError("gone"))
