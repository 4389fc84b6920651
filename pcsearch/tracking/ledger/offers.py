"""What the ledger's thread hands over to the engine's thread: claims, results, and access."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from pcsearch.engine.records.ledger import Access, Claim, OtherResult

SHORT_S = 30.0
"""Where trials end within this, the next claim is made before a trial asks for it."""
FILLING_S = 0.2
"""While slots are free, the engine asks for the next claim sooner than this."""


class Offers:
    """The engine's view of a ledger (`pcsearch.engine.records.ledger.Ledger`). No call waits.

    Args:
        budget: how many claims the engine may take.
    """

    def __init__(self, budget: int) -> None:
        self.idle_since: float | None = None
        """Since when the engine has had no trial at all, of `time.monotonic`; None if it has."""
        self.has_nothing_left = False
        """Whether no number is free, as far as the thread knows."""
        self.is_short = False
        """Whether a claim is made ahead."""
        self._changed = threading.Condition()
        self._access: Access = "open"
        self._budget = budget
        self._ready: list[Claim] = []
        self._ready_at = 0.0
        self._is_wanted = self._stops = False
        self._taken_at = -SHORT_S
        self._results: list[OtherResult] = []
        self._waiting: set[str] = set()

    # What the engine asks for.

    @property
    def access(self) -> Access:
        """Whether new trials may start, as far as is known."""
        return self._access

    @property
    def is_ready(self) -> bool:
        """Whether `claim` has one, or there is none to wait for."""
        if self._ready or self.is_exhausted:
            return True
        self._want()
        if self.idle_since is None:
            self.idle_since = time.monotonic()
        return False

    @property
    def is_exhausted(self) -> bool:
        """Whether no number is left for this driver, as far as is known."""
        return not self._ready and (self._budget <= 0 or self.has_nothing_left)

    def claim(self) -> Claim | None:
        """A claim, None where none is ready. To ask for one makes the thread get it."""
        self._want()
        with self._changed:
            if not self._ready:
                return None
            self._is_wanted, self._taken_at, self.idle_since = False, time.monotonic(), None
            self._changed.notify_all()
            return self._ready.pop(0)

    def note_running(self, trial_id: str) -> None:
        """Note that a trial runs, or has ended: its own process keeps its run alive."""
        with self._changed:
            self._waiting.discard(trial_id)

    def new_results(self) -> Sequence[OtherResult]:
        """The results of other drivers that came since the last call."""
        with self._changed:
            results, self._results = self._results, []
        return results

    def stop(self) -> None:
        """End the thread that waits in `await_work`."""
        with self._changed:
            self._stops = True
            self._changed.notify_all()

    # What the ledger's thread does.

    @property
    def are_wanted(self) -> bool:
        """Whether a claim is to be made."""
        is_open = self._access == "open" and self._budget > 0
        return is_open and not self._ready and (self._is_wanted or self.is_short)

    def await_work(self, has_work: Callable[[], bool], seconds: float) -> bool:
        """Wait until there is something to do, or the time is over; whether the thread goes on."""
        with self._changed:
            self._changed.wait_for(lambda: self._stops or has_work(), seconds)
            return not self._stops

    def hand_over(self, claim: Claim) -> None:
        """Let the engine have a claim."""
        with self._changed:
            self._ready.append(claim)
            # Its trial may have to wait for a node.
            self._waiting.add(claim.trial_id)
            self._ready_at = time.monotonic()
            self._budget -= 1
            self.has_nothing_left = False

    @property
    def waiting(self) -> frozenset[str]:
        """The ids of this driver's trials of earlier sessions that do not run yet."""
        with self._changed:
            return frozenset(self._waiting)

    def let_wait(self, trial_ids: Iterable[str]) -> None:
        """Note the trials of earlier sessions that are to run again."""
        with self._changed:
            self._waiting.update(trial_ids)

    def take_back(self, age: float = 0.0) -> list[Claim]:
        """The claims that the engine has not taken, if they are older than so many seconds."""
        with self._changed:
            if time.monotonic() - self._ready_at < age:
                return []
            unused, self._ready, self.is_short = self._ready, [], False
            self._waiting -= {claim.trial_id for claim in unused}
            self._budget += len(unused)
            return unused

    def add_results(self, results: Iterable[OtherResult]) -> None:
        """Let the engine have results of other drivers."""
        with self._changed:
            self._results += results

    def allow(self, access: Access) -> bool:
        """Set the access; whether that changes anything for the engine."""
        with self._changed:
            if access == self._access:
                return False
            self._access, self._is_wanted = access, False
            return not (access == "closed" and self.is_exhausted)

    def _want(self) -> None:
        with self._changed:
            if self._is_wanted or self._access != "open":
                return
            pause = time.monotonic() - self._taken_at
            if pause > FILLING_S and not self._ready:
                self.is_short = pause < SHORT_S
            self._is_wanted = True
            self._changed.notify_all()
