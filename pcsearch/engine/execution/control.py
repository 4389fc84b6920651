"""Does what second terminals ask of a running search: to pause, to stop trials, and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, assert_never

from pcsearch.engine.cluster.resources import TrialSlots
from pcsearch.engine.execution.interruption import Interruption
from pcsearch.engine.experiment.experiment import stored_options
from pcsearch.engine.experiment.workload_choice import check_metrics_file
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.records.drivers.requests import (
    DamagedRequestError,
    Request,
    Requests,
    pausing,
)
from pcsearch.engine.records.journal.events import Heeded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.storage.files import StorageError, control_command, writing
from pcsearch.engine.storage.lease import RENEW_S
from pcsearch.engine.storage.lock import is_locked
from pcsearch.engine.storage.store import error_line
from pcsearch.errors import PcsearchError
from pcsearch.system.repeated import repeated

LOOK_S = 1.0
"""How often a driver looks for requests in a folder; at an address as often as it renews its
lease."""


class Control:
    """What second terminals ask of this session. A thread looks for it, and nothing waits for that.

    Args:
        directory: of this driver.
        earlier: the names of the requests that were made before this session, in their order.
        history: of the earlier sessions.
        outcomes: of the search's trials.
        slots: how many trials run at once.
        interruption: ends the session.
        queue: takes configurations to try next.
        tell: prints a line for the user.
    """

    def __init__(
        self,
        directory: ExperimentDirectory,
        earlier: Sequence[str],
        history: History,
        outcomes: Outcomes,
        slots: TrialSlots,
        interruption: Interruption,
        queue: Callable[[Sequence[dict[str, Any]]], str],
        tell: Callable[[str], None],
    ) -> None:
        self.is_paused = False
        """Whether no new trial may start."""
        self._directory = directory
        # A turn that waits for a storage would outlive the session.
        self._requests = Requests(directory, patience=0)
        self._journal = Journal(directory.path)
        self._earlier, self._seen, self._history = earlier, set(earlier), history
        self._outcomes, self._slots, self._interruption = outcomes, slots, interruption
        self._queue, self._tell = queue, tell

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look for requests until the block ends.

        Raises:
            StorageError: at the begin, they cannot be read.
        """
        requests = Requests(self._directory)
        self._stop_again(requests)
        pause = pausing(requests, self._earlier)
        if pause is not None:
            self.is_paused = True
            self._tell(
                f"The search is paused (by {pause.by}); no trial starts until {self._continues}"
            )
        every = RENEW_S if self._requests.is_remote else LOOK_S
        # An error drops a turn: a storage that has failed ends the search elsewhere.
        with repeated(self.look, every, "requests", at_once=True):
            yield

    def look(self) -> None:
        """Heed the requests that are new, each once.

        Raises:
            StorageError: they cannot be read, or the journal cannot be written.
        """
        for name in self._requests.names():
            if name in self._seen:
                continue
            try:
                request = self._requests.read(name)
                answer = self._keep(request)
            except StorageError:
                raise
            except PcsearchError as error:
                # The request is damaged, or the record in which a limit is kept.
                self._refuse(name, str(error))
            except Exception as error:
                # Requests that come later, such as a stop, must not wait for one that cannot be.
                self._refuse(name, f"the request {name} cannot be heeded ({error_line(error)})")
            else:
                self._journal.add(Heeded(name, answer))
                self._heed(request, answer)
            self._seen.add(name)

    def _keep(self, request: Request) -> str:
        """Write down what a later session needs of a request; what it comes to, in words."""
        if request.kind == "limit":
            self._keep_limit(request)
        # The journal gets configurations first: a kill loses none.
        return self._queue(request.configs) if request.kind == "enqueue" else ""

    def _refuse(self, name: str, problem: str) -> None:
        """Tell those who have asked, and the user, why a request is not heeded."""
        self._journal.add(Heeded(name, problem=problem))
        self._tell(problem)

    def _heed(self, request: Request, answer: str) -> None:
        match request.kind:
            case "stop" if request.trials:
                self._stop_trials(request)
            case "stop":
                self._tell(f"{request.by} has stopped the search: running trials are interrupted")
                self._interruption.request("asked")
            case "pause":
                self.is_paused = True
                self._tell(
                    f"{request.by} has paused the search; no new trial starts until "
                    f"{self._continues}"
                )
            case "continue":
                self.is_paused = False
                self._tell(f"{request.by} has continued the search; new trials start")
            case "limit":
                self._slots.most = request.max_concurrent
                self._tell(
                    f"{request.by} has set --max-concurrent to {request.max_concurrent}; trials "
                    "that run go on"
                )
            case "enqueue":
                self._tell(f"{request.by}: {answer}")
            case _:
                assert_never(request.kind)

    def _stop_again(self, requests: Requests) -> None:
        """Stop the trials that were to stop when an earlier session ended."""
        asked: dict[int, Request] = {}
        unfinished = self._history.unfinished
        for at, name in enumerate(self._history.heeded):
            numbers = {trial.number for trial in unfinished if trial.heeded <= at}
            if numbers:
                with suppress(DamagedRequestError):
                    request = requests.read(name)
                    asked |= dict.fromkeys(numbers.intersection(request.trials), request)
        for number, request in asked.items():
            self._stop_trials(replace(request, trials=[number]))

    def _stop_trials(self, request: Request) -> None:
        # Tune's thread adds trials meanwhile.
        for outcome in list(self._outcomes):
            if outcome.number in request.trials and not outcome.ended:
                outcome.stop_by_user()
                self._tell(f"{request.by} has stopped trial {outcome.number}; its epoch ends first")

    def _keep_limit(self, request: Request) -> None:
        """Write the limit into the record: a later session has it, or another with its options.

        A driver that has joined writes it into that of the search, too, where nobody runs it.

        Raises:
            PcsearchError: the trials of the search cannot run side by side.
        """
        search = search_directory(self._directory.path)
        directories = [self._directory]
        with writing(search):
            if search != self._directory.path and not is_locked(search):
                directories.append(ExperimentDirectory(search))
        for directory in directories:
            record = directory.record()
            options = record["options"] | {"max_concurrent": request.max_concurrent}
            check_metrics_file(stored_options(options, directory))
            if options != record["options"]:
                directory.rewrite(record | {"options": options})

    @property
    def _continues(self) -> str:
        return control_command("continue", self._directory.place)
