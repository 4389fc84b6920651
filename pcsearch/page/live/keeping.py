"""Keeps ``report.html`` up to date while a session of a search runs, and draws it at its end."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pcsearch
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.records.journal.history import REPORTS
from pcsearch.engine.storage.store import error_line
from pcsearch.page import FILE
from pcsearch.page.live.drawer import GRACE_S, OVER, RUNNING

PROGRAM = "pcsearch.page.live.drawer"
LOOK_S = 1.0
"""How often a session looks for the first result, and whether a drawing has ended, in seconds."""
LEAST_PAUSE_S, LEAST_PAUSE_AT_ADDRESS_S = 30.0, 300.0
"""From one drawing to the next; a page of megabytes is sent to an address each time."""
PAUSE_SHARE = 30
"""A pause is so many times as long as the drawing before it at least."""
PATIENCE_S, LONGEST_S = 3.0, 60.0
"""When a session says that it waits for the last drawing, and how long it does so."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@contextmanager
def kept_page(experiment: Experiment) -> Iterator[None]:
    """Draw the page again and again during the block, from the first result of a trial on.

    What goes wrong is not told: `last_page` tries once more, and the user waits for that.

    Args:
        experiment: the search that runs.
    """
    if experiment.options.no_report:
        yield
        return
    end = Event()
    keeper = Thread(target=_keep, args=(experiment, end), name="page", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        end.set()
        keeper.join()


def last_page(
    experiment: Experiment, tell: Callable[[str], None], warn: Callable[[str], None]
) -> str | None:
    """Draw the page of a session that is over; the path or address of the page.

    Args:
        experiment: the search; its directory is still locked.
        tell: prints a line: that the page is being drawn.
        warn: prints why there is no page.

    Returns:
        None where there is no page.
    """
    if experiment.options.no_report:
        return None
    try:
        problem = _problem_of_last(experiment, tell)
    except KeyboardInterrupt:
        problem = "its drawing was interrupted"
    except OSError as error:
        problem = error_line(error)
    search = _search(experiment)
    if problem:
        command = f"python -m pcsearch report {shlex.quote(search.place)}"
        warn(f"The page of the search is not drawn ({problem}); this draws it: {command}")
        return None
    return search.place_of(FILE)


def _problem_of_last(experiment: Experiment, tell: Callable[[str], None]) -> str:
    """Draw the page; why it cannot be drawn, empty where it is."""
    with _drawing(experiment, OVER) as process:
        try:
            _, told = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            tell("Drawing the page of the search; Ctrl-C leaves it out")
            try:
                _, told = process.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                return f"it was not complete after {PATIENCE_S + LONGEST_S:.0f} s"
    if process.returncode == 0:
        return ""
    lines = told.splitlines() or [f"its process ended with status {process.returncode}"]
    return lines[-1]


def _keep(experiment: Experiment, end: Event) -> None:
    at_address = experiment.directory.copy is not None
    least = LEAST_PAUSE_AT_ADDRESS_S if at_address else LEAST_PAUSE_S
    while not _has_result(experiment.directory.path):
        if end.wait(LOOK_S):
            return
    while not end.is_set():
        began = time.monotonic()
        with suppress(OSError), _drawing(experiment, RUNNING) as process:
            while process.poll() is None and not end.wait(LOOK_S):
                pass
        end.wait(max(least, PAUSE_SHARE * (time.monotonic() - began)))


def _has_result(directory: Path) -> bool:
    # The directory may be removed meanwhile.
    with suppress(OSError):
        return any(file.stat().st_size for file in directory.glob(f"*/{REPORTS}"))
    return False


@contextmanager
def _drawing(experiment: Experiment, session: str) -> Iterator[subprocess.Popen[str]]:
    """A process that draws the page; it does not outlive the block, nor this process.

    Raises:
        OSError: it cannot be started.
    """
    folders = (str(Path(pcsearch.__file__).parents[1]), os.environ.get("PYTHONPATH"))
    places = (str(experiment.directory.path), _search(experiment).place)
    read, held = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", PROGRAM, *places, session],
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, folders))},
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if session == OVER else subprocess.DEVNULL,
            text=True,
            # Ctrl-C, and the end of the terminal, are the session's.
            start_new_session=True,
        )
    except BaseException:
        os.close(held)
        raise
    finally:
        os.close(read)
    try:
        yield process
    finally:
        os.close(held)
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Wait for a drawing, whose pipe is closed; one that does not end is killed."""
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stderr is not None:
            process.stderr.close()


def _search(experiment: Experiment) -> ExperimentDirectory:
    """The directory of the search, which is not the driver's where that has joined it."""
    directory = experiment.directory
    if directory.copy is not None:
        return directory
    return ExperimentDirectory(search_directory(directory.path))
