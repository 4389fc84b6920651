"""The threads that talk to W&B: the search does not wait for what they wait for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

THREADS = 8
"""How many runs are served at once; each waits for the server now and then."""
QUIET_SECONDS, TELLING_SECONDS = 1.0, 15.0
"""After how long the user is told that W&B is waited for: the first time, and each time after."""

BACKLOG_RUNS = 100
"""How many ended runs may wait for W&B. Each has files open, and a process may have 1,024."""
BACKLOG_SECONDS = 10.0
"""How long a search waits for W&B to finish one of them."""

Action = Callable[[], None]


class RunQueue:
    """Runs actions in threads of its own, those of a run one after the other.

    The threads start when they are needed. They are daemons: a process that is interrupted does
    not wait for them.

    Args:
        tell: called with an error of an action.
    """

    def __init__(self, tell: Callable[[Exception], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._actions: dict[str, deque[Action]] = {}
        self._ready: SimpleQueue[str] = SimpleQueue()
        self._threads = 0
        self._alone = 0
        self._done = 0

    @property
    def waiting(self) -> int:
        """How many runs have actions that are not done."""
        with self._lock:
            return len(self._actions) + self._alone

    def submit(self, run_id: str, action: Action) -> None:
        """Add an action for a run, after those that were submitted for it before.

        Where the system gives no thread at all, it is done before this returns.
        """
        with self._lock:
            actions = self._actions.setdefault(run_id, deque())
            actions.append(action)
            if len(actions) > 1:
                return
            if self._threads < min(THREADS, len(self._actions)):
                with suppress(RuntimeError):
                    self._start(self._work)
                    self._threads += 1
            has_threads = self._threads > 0
        self._ready.put(run_id)
        if not has_threads:
            with suppress(Empty):
                while True:
                    self._do(self._ready.get_nowait())

    def run_alone(self, action: Action) -> None:
        """Run an action that may take long in a thread of its own."""

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
            # The system gives no more threads.
            work()

    def drain(
        self,
        tell: Callable[[int], None],
        stall: float,
        give_up: Callable[[float], bool],
        progress: Callable[[], Any],
    ) -> bool:
        """Wait until all actions are done.

        Args:
            tell: called now and then with the number of runs that have actions left.
            stall: after so many seconds in which no action ends, `give_up` is called.
            give_up: whether to stop waiting, after so many seconds without progress.
            progress: changes when an action that has not ended makes progress.

        Returns:
            Whether all actions are done.
        """
        done, since = self._done, time.monotonic()
        state, asked, tell_at = progress(), since, since + QUIET_SECONDS
        while count := self.waiting:
            time.sleep(0.005)
            now = time.monotonic()
            if now >= tell_at:
                tell(count)
                tell_at = now + TELLING_SECONDS
            if self._done != done:
                done, since, asked = self._done, now, now
            elif now - asked > stall:
                if (newest := progress()) != state:
                    state, since = newest, now
                elif give_up(now - since):
                    return False
                asked = time.monotonic()
        return True

    def _start(self, work: Action) -> None:
        threading.Thread(target=work, name="wandb-run", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._do(self._ready.get())

    def _do(self, run_id: str) -> None:
        """Do the next action of a run."""
        actions = self._actions[run_id]
        try:
            actions[0]()
        # The thread and the other actions of the run continue.
        except Exception as error:
            self._tell(error)
        finally:
            with self._lock:
                self._done += 1
                actions.popleft()
                if not actions:
                    del self._actions[run_id]
        if actions:
            self._ready.put(run_id)


class Backlog:
    """Counts the runs that have ended for the search and not yet for W&B, and limits them.

    Args:
        runs: how many there may be.
        stall: after so many seconds in which W&B finishes none, those that wait no longer count,
            until there are fewer of them than the limit.
    """

    def __init__(self, runs: int = BACKLOG_RUNS, stall: float = BACKLOG_SECONDS) -> None:
        self._runs, self._stall = runs, stall
        self._limit = runs
        self._count = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        """Count a run that has ended for the search."""
        with self._changed:
            self._count += 1

    def remove(self) -> None:
        """Count a run no longer: it has ended for W&B."""
        with self._changed:
            self._count -= 1
            if self._count < self._runs:
                self._limit = self._runs
            self._changed.notify_all()

    def await_room(self) -> None:
        """Wait until there are fewer runs than the limit."""
        with self._changed:
            while self._count >= self._limit:
                before = self._count
                if not self._changed.wait(self._stall) and self._count >= before:
                    self._limit = self._count + self._runs
