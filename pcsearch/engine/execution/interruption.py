"""Ends a session before its search is complete: on a signal, when its time is up, and more."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
"""Ctrl-C, the signals that batch systems send before they kill, and that of a closed terminal."""
Reason = Literal["", "signal", "time", "storage", "hopeless", "cancelled"]


class Interruption:
    """The wish to end a session after the current step of Tune's loop.

    The second signal ends the process at once.

    Args:
        deadline: when the session has to end, by `time.monotonic`; None for no limit.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.reason: Reason = ""
        """Why the session has to end, empty where it need not."""
        self._deadline = deadline

    def request(self, reason: Reason) -> None:
        """End the session; the first reason counts."""
        self.reason = self.reason or reason

    def is_due(self) -> bool:
        """Whether the session has to end now."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.request("time")
        return bool(self.reason)

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Let signals end the session, until the block ends; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        original = {
            number: signal.signal(number, self._on_signal)
            for number in SIGNALS
            # nohup has SIGHUP ignored.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in original.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            raise KeyboardInterrupt
        self.request("signal")
