"""The one thread that talks to W&B: whatever it waits for, the search does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

STALL_SECONDS = 90.0
"""How long one action may take at the end of a search: more than its own time limits allow."""


class Writer:
    """Does what it is given, one after the other, in a thread of its own.

    The thread starts with the first action. It is a daemon: an interrupted process does not
    wait for it.
    """

    def __init__(self) -> None:
        self._actions: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._given = 0
        self._done = 0

    def submit(self, action: Callable[[], None]) -> None:
        """Have something done; it must not raise."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="wandb-writer", daemon=True)
            self._thread.start()
        self._given += 1
        self._actions.put(action)

    def drain(self, stall: float = STALL_SECONDS) -> bool:
        """Wait until everything is done.

        Args:
            stall: how long nothing may get done before it gives up.

        Returns:
            Whether everything is done.
        """
        seen, since = self._done, time.monotonic()
        while self._done < self._given:
            time.sleep(0.005)
            if self._done != seen:
                seen, since = self._done, time.monotonic()
            elif time.monotonic() - since > stall:
                return False
        return True

    def _work(self) -> None:
        while True:
            action = self._actions.get()
            try:
                action()
            finally:
                # A waiting search must not wait for ever, whatever happened.
                self._done += 1
