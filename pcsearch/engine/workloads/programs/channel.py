"""Receives what programs log: lines of JSON at a socket of this machine."""

from __future__ import annotations

import json
import os
import selectors
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

VARIABLE = "PCSEARCH_CHANNEL"
"""The variable that tells a program the path of the socket."""
LONGEST_LINE = 1 << 20
"""Of what a program sends, in bytes; a longer line is left out."""
CHUNK = 1 << 16
LAST_S = 1.0
"""How long the last lines of a program that has ended may take to be read."""

LONGEST_PATH = 100
"""Of a socket, in bytes; some systems have 104."""
BELOW = 40
"""At most so many bytes come after the folder for temporary files."""
Message = dict[str, Any]


def short_parent() -> Path | None:
    """Where to make the folder of a socket, None for Python's own place for temporary files."""
    is_long = len(os.fsencode(tempfile.gettempdir())) + BELOW > LONGEST_PATH
    return Path("/tmp") if is_long else None  # noqa: S108 - the folder in it is the user's alone


class Channel:
    """A socket in a folder, which a thread reads.

    Args:
        folder: a short path: the names of sockets end at some 100 bytes.
        receive: is called in the thread with the number of the sender and each message.
    """

    def __init__(self, folder: Path, receive: Callable[[int, Message], None]) -> None:
        self.path = folder / "s"
        self._receive = receive
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen(64)
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._read, name="channel", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read what has been sent, and end."""
        self._waker.close()
        self._thread.join(LAST_S + 1)

    def _read(self) -> None:
        senders = 0
        with selectors.DefaultSelector() as selector, self._server, self._woken:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            is_open = True
            while True:
                ready = selector.select(None if is_open else 0)
                if not is_open and not ready:
                    break
                for key, _ in ready:
                    if key.fileobj is self._woken:
                        is_open = False
                        selector.unregister(self._woken)
                    elif key.fileobj is self._server:
                        senders += 1
                        connection, _ = self._server.accept()
                        lines = _Lines(senders, self._receive)
                        selector.register(connection, selectors.EVENT_READ, lines)
                    elif not _took(key.fileobj, key.data):
                        selector.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
            for each in list(selector.get_map().values()):
                if each.fileobj is not self._server:
                    each.fileobj.close()  # type: ignore[union-attr]


class _Lines:
    """Puts the bytes of one sender together to messages."""

    def __init__(self, sender: int, receive: Callable[[int, Message], None]) -> None:
        self._sender, self._receive = sender, receive
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Give the messages that are complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            # Still too long, and without more memory.
            self._rest = self._rest[: LONGEST_LINE + 1]
        for line in lines:
            if len(line) > LONGEST_LINE:
                continue
            with suppress(ValueError, RecursionError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._receive(self._sender, message)


def _took(connection: Any, lines: _Lines) -> bool:
    """Read what a sender has sent; whether it may send more."""
    try:
        data = connection.recv(CHUNK)
    except OSError:
        return False
    lines.add(data)
    return bool(data)
