"""A search that runs in a thread of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any

from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.drivers.asking import drivers_of, split_trials
from pcsearch.engine.records.drivers.requests import Kind, Request, Requests, asker
from pcsearch.errors import PcsearchError
from pcsearch.library.options import in_python
from pcsearch.library.search_result import SearchResult
from pcsearch.library.values import whole_number
from pcsearch.reports.listener import Listener
from pcsearch.tracking.wandb_internals import let_print

_ONE = Lock()
"""Is held while a search runs: Ray has one connection in a process."""
TWO = "a search runs in this program already; wait for its end, or stop it"


@dataclass(frozen=True)
class PreparedSearch:
    """A search that is ready to run in this program.

    Args:
        directory: the path or the address of its directory.
        work: runs it, until its end or until the event is set.
        listener: is told of it.

    Raises:
        PcsearchError: another search runs in the program.
    """

    directory: str
    work: Callable[[Event], Any]
    listener: Listener

    def __post_init__(self) -> None:
        if _ONE.locked():
            raise PcsearchError(TWO)

    def here(self, stop: Event | None = None) -> SearchResult:
        """Run it in this thread.

        Raises:
            PcsearchError: it cannot run any more, or another search runs in the program.
        """
        if not _ONE.acquire(blocking=False):
            raise PcsearchError(TWO)
        try:
            with in_python():
                self.work(Event() if stop is None else stop)
                return SearchResult(self.directory)
        finally:
            try:
                let_print()
            finally:
                _ONE.release()


class RunningSearch:
    """A search that runs in a thread; at the end of a ``with`` block it is stopped.

    A program does not end before the search has ended.

    Args:
        search: that is prepared.
    """

    def __init__(self, search: PreparedSearch) -> None:
        self._search = search
        self._stop = Event()
        self._result: SearchResult | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="pcsearch")
        self._thread.start()

    @property
    def directory(self) -> str:
        """The path or the address of its directory, for `pcsearch.open_search`.

        The directory is made when Ray has started.
        """
        return self._search.directory

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    @property
    def result(self) -> SearchResult | None:
        """What it has found, None while it runs.

        Raises:
            PcsearchError: it could not run.
        """
        return None if self.running else self.wait()

    def stop(self, *trials: int) -> None:
        """Ask it to end, as Ctrl-C does: running trials keep their newest checkpoints.

        Args:
            trials: the numbers of trials that are to end after their epochs, instead of the search;
                those that have ended stay as they are.

        Raises:
            PcsearchError: of trials: the search has not begun, has ended, or has no such trial.
        """
        if not trials:
            self._stop.set()
            return
        numbers = [whole_number(each, "trials") for each in trials]
        with self._directory() as directory:
            wanted, _ = split_trials(directory, drivers_of(directory), numbers, "trials")
            if wanted:
                Requests(directory).add(Request("stop", asker(), wanted))

    def pause(self) -> None:
        """Ask it to start no new trial; it stays paused also when it is resumed.

        Raises:
            PcsearchError: the search has not begun, or has ended.
        """
        self._ask("pause")

    def continue_(self) -> None:
        """Ask it to start new trials again, after `pause`.

        Raises:
            PcsearchError: the search has not begun, or has ended.
        """
        self._ask("continue")

    def limit(self, max_concurrent: int) -> None:
        """Ask it to run at most so many trials at once; a resumed search keeps this.

        Raises:
            PcsearchError: the search has not begun, or has ended, or it is no number of 1 or more.
        """
        self._ask("limit", max_concurrent=whole_number(max_concurrent, "max_concurrent"))

    def wait(self, timeout: float | None = None) -> SearchResult:
        """Wait for its end, and return what it has found.

        Args:
            timeout: in seconds, None for no limit.

        Raises:
            TimeoutError: it still runs.
            PcsearchError: it could not run.
        """
        self._thread.join(timeout)
        if self.running:
            raise TimeoutError(f"the search in {self.directory} still runs")
        if self._error is not None:
            raise self._error
        assert self._result is not None, "a search has a result or an error"
        return self._result

    def __enter__(self) -> RunningSearch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()

    def __repr__(self) -> str:
        state = "running" if self.running else "failed" if self._error else "ended"
        return f"<RunningSearch {self.directory}: {state}>"

    def _ask(self, kind: Kind, **more: Any) -> None:
        with self._directory() as directory:
            Requests(directory).add(Request(kind, asker(), **more))

    @contextmanager
    def _directory(self) -> Iterator[ExperimentDirectory]:
        """The directory of the search, which has begun and runs, during the block."""
        if not self.running:
            raise PcsearchError(f"{self.directory}: the search has ended; resume it first")
        directory = directory_at(self.directory, "directory")
        with directory.tidied():
            # At an address too, a request before the search would take its place.
            directory.record()
            yield directory

    def _work(self) -> None:
        try:
            self._result = self._search.here(self._stop)
        # Any error is for the thread that waits.
        except BaseException as error:
            self._error = error
            lines = str(error).splitlines() or [type(error).__name__]
            self._search.listener.warn("The search has ended with an error:", *lines)
