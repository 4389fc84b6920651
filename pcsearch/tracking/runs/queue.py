"""The threads that talk to W&B: whatever they wait for, the search does not."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

THREADS = 8
"""How many runs are served at once; each waits for the server now and then."""

QUIET_SECONDS, TELLING_SECONDS = 1.0, 15.0
"""When the user is told what is waited for, first and again."""

Action = Callable[[], None]


class Writer:
    """Does what it is given in threads of its own, for each run one after the other.

    The threads start when they are needed. They are daemons: an interrupted process does not
    wait for them.

    Args:
        tell: is told of an error that nothing else has taken.
    """

    def __init__(self, tell: Callable[[Exception], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._lanes: dict[str, deque[Action]] = {}
        self._ready: SimpleQueue[str] = SimpleQueue()
        self._threads = 0
        self._alone = 0
        self._done = 0

    @property
    def waiting(self) -> int:
        """For how many runs there is something to do."""
        with self._lock:
            return len(self._lanes) + self._alone

    def submit(self, run_id: str, action: Action) -> None:
        """Have something done for a run after what was submitted for it before."""
        with self._lock:
            actions = self._lanes.setdefault(run_id, deque())
            actions.append(action)
            if len(actions) > 1:
                return
            if self._threads < min(THREADS, len(self._lanes)):
                self._threads += 1
                self._start(self._work)
        self._ready.put(run_id)

    def alone(self, action: Action) -> None:
        """Have something done that may take long and shall hold up nothing."""

        def work() -> None:
            try:
                action()
            finally:
                with self._lock:
                    self._alone -= 1
                    self._done += 1

        with self._lock:
            self._alone += 1
        try:
            self._start(work)
        except RuntimeError:
            # There is no room for another thread: this one does it.
            work()

    def drain(self, tell: Callable[[int], None], stall: float, stalled: Callable[[], bool]) -> bool:
        """Wait until everything is done.

        Args:
            tell: is told now and then for how many runs there is something to do.
            stall: after so many seconds in which nothing gets done it asks `stalled`.
            stalled: whether to give up.

        Returns:
            Whether everything is done.
        """
        done, since = self._done, time.monotonic()
        telling = since + QUIET_SECONDS
        while count := self.waiting:
            time.sleep(0.005)
            now = time.monotonic()
            if now >= telling:
                tell(count)
                telling = now + TELLING_SECONDS
            if self._done != done:
                done, since = self._done, now
            elif now - since > stall:
                if stalled():
                    return False
                since = time.monotonic()
        return True

    def _start(self, work: Action) -> None:
        threading.Thread(target=work, name="wandb-writer", daemon=True).start()

    def _work(self) -> None:
        while True:
            run_id = self._ready.get()
            actions = self._lanes[run_id]
            try:
                actions[0]()
            # The thread and the rest of the run go on.
            except Exception as error:
                self._tell(error)
            finally:
                with self._lock:
                    self._done += 1
                    actions.popleft()
                    if not actions:
                        del self._lanes[run_id]
            if actions:
                self._ready.put(run_id)
