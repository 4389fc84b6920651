"""The signals that end a command, and what a part of the command does about them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the signal of batch systems, and that of a terminal that was closed."""
Handler = Callable[[int, FrameType | None], None]
_RECEIVED: set[int] = set()


def was_received() -> bool:
    """Whether a signal of those that `handled` looks after has come in this process."""
    return bool(_RECEIVED)


@contextmanager
def handled(numbers: Sequence[signal.Signals], handler: Handler) -> Iterator[None]:
    """Call a handler for some signals during the block; only the main thread can.

    SIGHUP stays ignored where it is: nohup has said so.

    Args:
        numbers: the signals.
        handler: is called with the signal's number.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    if before.get(signal.SIGHUP) is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def receive(number: int, frame: FrameType | None) -> None:
        _RECEIVED.add(number)
        handler(number, frame)

    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
