"""The watch on Ray's own processes."""

from __future__ import annotations

import errno
import socket
import time
from threading import Event, Thread

import pytest
from ports import keeper

from pcsearch.engine.cluster import ray_watch
from pcsearch.engine.cluster.ray_watch import Server, watch


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_watch, "INTERVAL_S", 0.05)


def test_a_server_that_is_gone_is_named_once() -> None:
    died, end = list[str](), Event()
    with socket.create_server(("127.0.0.1", 0)) as stays, keeper() as kept:
        goes = socket.create_server(kept.getsockname(), reuse_port=True)
        listening = {"one": stays, "other": goes}
        servers = [Server(name, each.getsockname()[:2], 0.2) for name, each in listening.items()]
        thread = Thread(target=watch, args=(servers, end, died.append))
        thread.start()
        time.sleep(0.5)
        assert thread.is_alive()
        assert died == []
        goes.close()
        thread.join(240)
    assert died == ["other"]


def test_a_server_may_be_gone_for_a_moment() -> None:
    died, end = list[str](), Event()
    with keeper() as kept:
        address = kept.getsockname()
        server = socket.create_server(address, reuse_port=True)
        thread = Thread(target=watch, args=([Server("it", address, 600.0)], end, died.append))
        thread.start()
        server.close()
        time.sleep(0.3)
        with socket.create_server(address, reuse_port=True):
            time.sleep(0.3)
            end.set()
            thread.join(240)
    assert not thread.is_alive()
    assert died == []


def test_a_lack_of_this_process_is_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "create_connection", fail)
    died, end = list[str](), Event()
    thread = Thread(target=watch, args=([Server("it", ("h", 1), 0.1)], end, died.append))
    thread.start()
    time.sleep(0.5)
    end.set()
    thread.join(240)
    assert died == []
