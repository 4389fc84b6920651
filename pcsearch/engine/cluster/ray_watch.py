"""Notices that Ray itself has died: its process on this machine, or the head of the cluster.

Ray's own calls do not tell: without the process on this machine they wait for ever, and without the
head they end the driver after a minute. So a thread looks whether both still listen.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import ray

INTERVAL_S = 1.0
CONNECT_S = 3.0
GONE_S = 2.0
"""How long nothing may listen where Ray runs on this machine alone."""
GONE_ELSEWHERE_S = 20.0
"""The same on a cluster, whose head may be started again, and whose network may fail for a time."""

Server = tuple[str, int]


@contextmanager
def watching(on_death: Callable[[str], None], *, local: bool) -> Iterator[None]:
    """Watch the Ray that this process is connected to, as a node of it, during the block.

    Args:
        on_death: is called, in a thread, with what has died, in words.
        local: whether Ray runs on this machine alone.
    """
    end = Event()
    patience = GONE_S if local else GONE_ELSEWHERE_S
    servers = _servers(local)
    thread = Thread(
        target=watch, args=(servers, patience, end, on_death), name="Ray watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        end.set()


def watch(
    servers: Mapping[str, Server], patience: float, end: Event, on_death: Callable[[str], None]
) -> None:
    """Connect to servers every second, until one is gone, or until the end.

    Args:
        servers: hosts and ports, by what is there in words.
        patience: how many seconds a server may be gone.
        end: ends the watch.
        on_death: is called with what has died.
    """
    seen = dict.fromkeys(servers, time.monotonic())
    while not end.wait(INTERVAL_S):
        for name, server in servers.items():
            if _listens(server):
                seen[name] = time.monotonic()
            elif time.monotonic() - seen[name] > patience and not end.is_set():
                on_death(name)
                return


def _servers(local: bool) -> dict[str, Server]:
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    head = "Ray's head process (gcs_server)" if local else f"the head of the cluster at {host}"
    servers = {head: (host.strip("[]"), int(port))}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            address = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            servers["Ray's process on this machine (raylet)"] = address
    return servers


def _listens(server: Server) -> bool:
    try:
        socket.create_connection(server, CONNECT_S).close()
    except OSError:
        return False
    return True
