"""Ports of this machine that no other process gets meanwhile."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Neither the system nor Ray gives one of these to a process that asks for any port.
_PORTS = iter(random.sample(range(25_000, 32_000), 7_000))


def keeper(port: int = 0) -> socket.socket:
    """A socket bound to a port at which nobody listens: connections to it are refused.

    Args:
        port: 0 for any. Others can listen there if they allow, as this socket does, that a port is
            reused.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((LOOPBACK, port))
    return kept


def free_port() -> int:
    """A port for a server that starts soon; each call gives another one."""
    for port in _PORTS:
        try:
            socket.create_server((LOOPBACK, port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("every port is taken")
