"""A server on this machine that behaves as S3 does, and a connection to it that can be cut."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}
LOOPBACK = "127.0.0.1"


class Cable:
    """Forwards connections to a port, until it is cut.

    Args:
        to: the port.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._is_cut = False
        self._ends: list[socket.socket] = []
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let no connection be answered any more.

        The port stays taken: another process could get it until `reconnect`.
        """
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        """Forward connections again."""
        self._is_cut = False

    def _accept(self) -> None:
        while True:
            here, _ = self._socket.accept()
            if self._is_cut:
                here.close()
                continue
            there = socket.create_connection((LOOPBACK, self._to))
            self._ends += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class S3:
    """A client of the server.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self.cable = Cable(port)
        self._client = boto3.client(
            "s3",
            endpoint_url=f"http://{LOOPBACK}:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        self._client.create_bucket(Bucket=BUCKET)

    def address(self, path: str, bucket: str = BUCKET) -> str:
        """The address of a path on the server, as a user would give it."""
        endpoint = quote(f"http://{LOOPBACK}:{self.cable.port}", safe="")
        query = f"endpoint_override={endpoint}&region=us-east-1&scheme=http"
        return f"s3://{bucket}/{path}?{query}"

    def objects(self, path: str) -> dict[str, bytes]:
        """The contents of the files below a path, by their names relative to it."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{path}/"
        )
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        found = {}
        for key in keys:
            # A running search deletes checkpoints meanwhile. Folders are objects too.
            with contextlib.suppress(self._client.exceptions.NoSuchKey):
                body = self._client.get_object(Bucket=BUCKET, Key=key)["Body"]
                if not key.endswith("/"):
                    found[key.removeprefix(f"{path}/")] = body.read()
        return found

    def download(self, path: str, folder: Path) -> None:
        """Copy what is below a path into a folder."""
        for name, data in self.objects(path).items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


@contextmanager
def serving() -> Iterator[S3]:
    """Run the server until the block ends."""
    # A line for each request would hide the output of a test that fails.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield S3(port)
    finally:
        server.stop()
