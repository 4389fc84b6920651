"""Ends a session before its search is complete: on a signal, when its time is up, and more."""

from __future__ import annotations

import signal
import time
from contextlib import AbstractContextManager
from threading import Event
from types import FrameType
from typing import Literal

from pcsearch.system.signals import ENDING, handled

SIGNALS = (*ENDING, signal.SIGUSR1)
"""Batch systems send the last one, too, before they kill."""
Reason = Literal["", "signal", "stop", "time", "storage", "hopeless", "cancelled", "asked"]
"""Asked: by a second terminal."""


class Interruption:
    """The wish to end a session after the current step of Tune's loop.

    The second signal ends the process at once.

    Args:
        deadline: when the session has to end, by `time.monotonic`; None for no limit.
        stop: is set when the program in which the session runs wants its end.
    """

    def __init__(self, deadline: float | None = None, stop: Event | None = None) -> None:
        self.reason: Reason = ""
        """Why the session has to end, empty where it need not."""
        self._deadline = deadline
        self._stop = stop
        self._was_signalled = False

    def request(self, reason: Reason) -> None:
        """End the session; the first reason counts."""
        self.reason = self.reason or reason

    def is_due(self) -> bool:
        """Whether the session has to end now."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.request("time")
        if self._stop is not None and self._stop.is_set():
            self.request("stop")
        return bool(self.reason)

    def by_signals(self) -> AbstractContextManager[None]:
        """Let signals end the session, until the block ends; only the main thread can."""
        return handled(SIGNALS, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._was_signalled:
            raise KeyboardInterrupt
        self._was_signalled = True
        self.request("signal")
