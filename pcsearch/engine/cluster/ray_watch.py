"""Notices that Ray itself has died: its process on this machine, or the head of the cluster.

Ray's own calls do not tell: without the process on this machine they wait for ever, and without the
head they end the driver after a minute. So a thread looks whether both still listen.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple

import ray

INTERVAL_S = 1.0
CONNECT_S = 3.0
GONE_S = 2.0
"""How long nothing may listen on this machine."""
HEAD_GONE_S = 20.0
"""The same for the head of a cluster, which may be started again, and whose network may fail."""

OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)
"""The errors of this process, which tell nothing of the server."""


class Server(NamedTuple):
    """A process of Ray that listens at a port.

    Args:
        name: what it is, in words.
        address: its host and port.
        patience: how many seconds nothing may listen there.
    """

    name: str
    address: tuple[str, int]
    patience: float


@contextmanager
def watching(on_death: Callable[[str], None], *, local: bool) -> Iterator[None]:
    """Watch the Ray that this process is connected to, as a node of it, during the block.

    Args:
        on_death: is called, in a thread, with what has died, in words.
        local: whether Ray runs on this machine alone.
    """
    end = Event()
    servers = _servers(local)
    Thread(target=watch, args=(servers, end, on_death), name="Ray watch", daemon=True).start()
    try:
        yield
    finally:
        end.set()


def watch(servers: Sequence[Server], end: Event, on_death: Callable[[str], None]) -> None:
    """Connect to servers every second, until one is gone, or until the end.

    Args:
        servers: of Ray.
        end: ends the watch.
        on_death: is called with what has died.
    """
    seen = dict.fromkeys(servers, time.monotonic())
    while not end.wait(INTERVAL_S):
        for server in servers:
            if _listens(server):
                seen[server] = time.monotonic()
            elif time.monotonic() - seen[server] > server.patience and not end.is_set():
                on_death(server.name)
                return


def _servers(local: bool) -> list[Server]:
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    head = "Ray's head process (gcs_server)" if local else f"the head of the cluster at {host}"
    patience = GONE_S if local else HEAD_GONE_S
    servers = [Server(head, (host.strip("[]"), int(port)), patience)]
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            address = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            servers.append(Server("Ray's process on this machine (raylet)", address, GONE_S))
    return servers


def _listens(server: Server) -> bool:
    try:
        socket.create_connection(server.address, CONNECT_S).close()
    except OSError as error:
        return error.errno in OUR_OWN
    return True
