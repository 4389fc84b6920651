"""How long claims wait for W&B's server, and when it is asked again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE_S = 20.0
"""How long a claim waits for the server; then trials start without asking it."""
PROBE_S = 10.0
"""So often a server that does not answer is asked again."""


class Outage:
    """An outage of W&B's server, during which nothing waits for the server's answers.

    A thread of its own finds out when the server is back: a request to a silent server takes
    seconds, and trials would wait for it.

    Args:
        probe: asks the server for anything, and raises an error where it does not answer.
    """

    def __init__(self, probe: Callable[[], object]) -> None:
        self._probe = probe
        self._failing_since: float | None = None
        self._is_on, self._stops = threading.Event(), threading.Event()

    @property
    def is_on(self) -> bool:
        """Whether the server is not to be asked now."""
        return self._is_on.is_set()

    def failed(self, patience: float) -> bool:
        """Note that a claim was not answered; tell whether the outage has begun, after a while.

        Args:
            patience: how many seconds that is.
        """
        now = time.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since < patience:
            return False
        self.begin()
        return True

    def begin(self) -> None:
        """Ask the server no more until it is back."""
        if not self.is_on:
            self._is_on.set()
            threading.Thread(target=self._watch, name="ledger-probe", daemon=True).start()

    def answered(self) -> None:
        """Note that a claim was answered."""
        self._failing_since = None

    def stop(self) -> None:
        """End the thread."""
        self._stops.set()

    def _watch(self) -> None:
        while not self._stops.wait(PROBE_S):
            try:
                self._probe()
            except Exception:  # noqa: S112 - whatever it is, the server is asked again
                continue
            self._is_on.clear()
            return
