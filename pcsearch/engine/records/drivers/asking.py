"""Asks the drivers of a running search for something, from another process, and waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import other_drivers, search_directory
from pcsearch.engine.records.drivers.other_driver import OtherDriver
from pcsearch.engine.records.drivers.requests import Request, Requests
from pcsearch.engine.records.journal.events import Heeded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.storage.files import resume_command, writing
from pcsearch.engine.storage.lease import Holder
from pcsearch.engine.storage.lock import is_locked, owner
from pcsearch.engine.storage.working_copy import WorkingCopy
from pcsearch.errors import PcsearchError, Problem

ANSWER_S = 60.0
"""How long a driver may take to heed a request: it may be starting, or wait for a storage."""
END_S = 300.0
"""How long a session may take to end: programs end first, and W&B gets the rest."""
LOOK_S = 0.3


class RunningDriver:
    """A driver that runs trials of a search, as another process sees it.

    Args:
        directory: the driver's.
    """

    def __init__(self, directory: ExperimentDirectory) -> None:
        self._path, self._copy = directory.path, directory.copy
        self._holder = None if self._copy is None else Holder(self._copy.store)
        self.name = owner(self._path) if self._holder is None else self._holder.name
        """Its process, in words."""
        self.journal = OtherDriver(self._path)
        """What it has done, as far as `read` has read it."""
        self._fetched = 1

    def lives(self) -> bool:
        """Whether it runs. That one at an address was killed is known after a while only.

        Raises:
            StorageError: that cannot be found out.
        """
        if self._holder is not None:
            return self._holder.lives()
        with writing(self._path):
            return is_locked(self._path) and owner(self._path) == self.name

    def read(self) -> OtherDriver:
        """Read what it has added to its journal.

        Raises:
            PcsearchError: the journal is damaged or cannot be read.
        """
        if self._copy is not None:
            self._fetch_journal(self._copy)
        self.journal.read()
        if self.journal.problem:
            raise PcsearchError(self.journal.problem)
        return self.journal

    def _fetch_journal(self, copy: WorkingCopy) -> None:
        journal, number = Journal(self._path), self._fetched
        while True:
            file = journal.file(number)
            copy.fetch_file(file.name)
            if not file.exists():
                return
            # It may have grown since; those before it get no more lines.
            self._fetched, number = number, number + 1


def drivers_of(directory: ExperimentDirectory) -> list[RunningDriver]:
    """All drivers of a search, also those that do not run.

    Args:
        directory: of the search, or of one of its drivers.

    Raises:
        StorageError: the storage does not say it.
    """
    if directory.copy is not None:
        return [RunningDriver(directory)]
    search = search_directory(directory.path)
    return [RunningDriver(ExperimentDirectory(each)) for each in (search, *other_drivers(search))]


def split_trials(
    directory: ExperimentDirectory,
    drivers: Sequence[RunningDriver],
    trials: Collection[int],
    where: str,
) -> tuple[list[int], list[int]]:
    """Split numbers of trials into those that have not ended and those that have, both sorted.

    Args:
        directory: of the search, or of one of its drivers.
        drivers: all of the search.
        trials: their numbers.
        where: the place at which the user gave them.

    Raises:
        PcsearchError: the search has no trial of a number, or a journal cannot be read.
    """
    journals = [driver.read() for driver in drivers]
    known = {number for journal in journals for number in journal.numbers}
    ended = {number for journal in journals for number in journal.ended_numbers}
    begun = f"the trials that have begun are 1 to {max(known)}" if known else "none has begun"
    problems = [
        Problem(f"there is no trial {number} in {directory.place}; {begun}", where)
        for number in trials
        if number not in known
    ]
    if problems:
        raise PcsearchError(problems)
    return sorted({*trials} - ended), sorted({*trials} & ended)


def ask(
    directory: ExperimentDirectory, request: Request, drivers: Sequence[RunningDriver]
) -> dict[RunningDriver, Heeded]:
    """Make a request, and wait until the drivers have heeded it.

    Args:
        directory: of the search, or of one of its drivers.
        request: what is asked.
        drivers: those that run.

    Returns:
        What each driver says that has heeded it, or could not; the others have ended without it.

    Raises:
        PcsearchError: a driver does not heed it in `ANSWER_S`, or a file cannot be read or written.
    """
    name = Requests(directory).add(request)
    answers: dict[RunningDriver, Heeded] = {}

    def is_done(driver: RunningDriver) -> bool:
        # A driver that has ended may have heeded it before.
        lives = driver.lives()
        answer = driver.read().heeded.get(name)
        if answer is not None:
            answers[driver] = answer
        return answer is not None or not lives

    for driver in _late(drivers, is_done, ANSWER_S):
        raise PcsearchError(
            f"{directory.place}: {driver.name} has not answered within {ANSWER_S:.0f} s; it heeds "
            "the request as soon as it can"
        )
    return answers


def check_heeded(answers: Mapping[RunningDriver, Heeded]) -> None:
    """Check that all drivers that have answered a request could heed it.

    Raises:
        PcsearchError: one could not; it has the reason of each.
    """
    problems = [
        Problem(answer.problem, driver.name) for driver, answer in answers.items() if answer.problem
    ]
    if problems:
        raise PcsearchError(problems)


def await_ends(directory: ExperimentDirectory, drivers: Sequence[RunningDriver]) -> None:
    """Wait until drivers have ended.

    Raises:
        PcsearchError: one still runs after `END_S`.
    """
    for driver in _late(drivers, lambda each: not each.lives(), END_S):
        raise PcsearchError(
            f"{directory.place}: {driver.name} has heeded the request, and has not ended within "
            f"{END_S:.0f} s"
        )


def not_running(directory: ExperimentDirectory) -> PcsearchError:
    """The error that nobody runs a search, with the process that was killed, where one was."""
    killed = owner(directory.path) if directory.copy is None else ""
    how = f" (its {killed} was killed)" if killed else ""
    place = directory.place
    return PcsearchError(f"{place}: nobody runs the search{how}; {resume_hint(directory)}")


def resume_hint(directory: ExperimentDirectory) -> str:
    """How the search is resumed, in words."""
    search = directory.place
    if directory.copy is None:
        search = str(search_directory(Path(search)))
    return f"resume it: {resume_command(search)}"


def _late(
    drivers: Sequence[RunningDriver], is_done: Callable[[RunningDriver], bool], seconds: float
) -> list[RunningDriver]:
    """The drivers that something is not true of within so many seconds."""
    left, end = list(drivers), time.monotonic() + seconds
    while left := [driver for driver in left if not is_done(driver)]:
        if time.monotonic() >= end:
            break
        time.sleep(LOOK_S)
    return left
