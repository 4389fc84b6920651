"""The end of a session before the search's: by a signal, a time budget or a full disk."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

from ray import tune

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what schedulers of clusters send before they kill."""
Reason = Literal["", "signal", "time", "storage", "hopeless"]


class Interruption(tune.Callback):
    """Ends a session in good order, and knows why.

    Tune takes SIGINT as the wish to end, sets its handler just before it sets up the callbacks,
    and tells nobody when it ran. After the first signal the second ends the process at once.

    Args:
        deadline: when the session is to end, of `time.monotonic`; None for no limit.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.reason: Reason = ""
        self._deadline = deadline
        self._end: Any = None

    def setup(self, *args: Any, **info: Any) -> None:
        """Put a handler before Tune's."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._end = signal.getsignal(signal.SIGINT)
        for number in SIGNALS:
            signal.signal(number, self._take)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """See whether the time is up."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.stop("time")

    def stop(self, reason: Reason) -> None:
        """End the session after the step that is under way."""
        self.reason = self.reason or reason
        if callable(self._end):
            self._end(signal.SIGINT, None)

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Give the process its own handlers back after the block."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            raise KeyboardInterrupt
        self.stop("signal")
