"""What programs send through a socket arrives whole, in order, and whatever they send."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.programs import channel as channels
from pcsearch.engine.workloads.programs.channel import Channel, short_parent
from pcsearch.temporary import temporary_folder


def test_a_socket_has_a_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/short")
    assert short_parent() is None
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with temporary_folder(short_parent()) as folder:
        Channel(folder, lambda *_: None).close()
    assert list(long.iterdir()) == []


class Receiver:
    def __init__(self, folder: Path) -> None:
        self.found: list[tuple[int, Any]] = []
        self.channel = Channel(folder, lambda sender, message: self.found.append((sender, message)))

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.channel.path))
        return connection


@pytest.fixture
def receiver(temporary: Path) -> Iterator[Receiver]:
    made = Receiver(temporary)
    yield made
    made.channel.close()


def test_messages_of_several_senders_arrive_in_the_order_of_each(receiver: Receiver) -> None:
    connections = [receiver.connect() for _ in range(3)]
    for number in range(1000):
        for connection in connections:
            connection.sendall(json.dumps({"n": number}).encode() + b"\n")
    for connection in connections:
        connection.close()
    receiver.channel.close()
    assert {sender for sender, _ in receiver.found} == {1, 2, 3}
    for sender in (1, 2, 3):
        numbers = [message["n"] for each, message in receiver.found if each == sender]
        assert numbers == list(range(1000))


def test_what_is_no_message_is_left_out(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "LONGEST_LINE", 50)
    with receiver.connect() as connection:
        for line in (b"\xff\xfe", b"[1]", b"{", b'{"a": "' + b"x" * 200_000 + b'"}', b'{"a": 1}'):
            connection.sendall(line + b"\n")
    receiver.channel.close()
    assert receiver.found == [(1, {"a": 1})]


def test_a_sender_that_is_still_connected_does_not_hold_the_end_up(receiver: Receiver) -> None:
    with receiver.connect() as connection:
        connection.sendall(b'{"a": 1}\n')
        receiver.channel.close()
    assert receiver.found == [(1, {"a": 1})]
