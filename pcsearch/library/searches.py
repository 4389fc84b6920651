"""Runs searches inside a Python program: at once, or beside what the program does."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

from pcsearch.engine.cluster.environment import set_environment
from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.experiment.workload_choice import SweepText
from pcsearch.engine.workloads.given_function import importable
from pcsearch.errors import PcsearchError, Problem
from pcsearch.library.listeners import listener_of
from pcsearch.library.options import (
    ChangedOptions,
    SearchOptions,
    Trainable,
    in_python,
    read_changes,
    read_options,
)
from pcsearch.library.running import PreparedSearch, RunningSearch
from pcsearch.library.search_result import SearchResult
from pcsearch.library.values import as_text, kind_of, place_of
from pcsearch.sessions.launching import new_search, options_of
from pcsearch.sessions.resuming import resume as resume_directory
from pcsearch.sessions.session import run_session
from pcsearch.sweeps.sweep import Sweep

SweepLike = Sweep | str | Path | Mapping[str, Any]
"""A sweep that `load_sweep` has checked, the path of a sweep file, or what is in one."""


def load_sweep(sweep: SweepLike, trainable: Trainable = None) -> Sweep:
    """Read and check a sweep, as the command does before anything runs.

    Args:
        sweep: the path of a sweep file, or a mapping with the keys of one.
        trainable: what its trials train, as in `search`.

    Raises:
        PcsearchError: every problem of the sweep; of a mapping they name the keys, not lines.
    """
    set_environment()
    with in_python():
        arguments = read_options({}) | {"trainable": _named(trainable)}
        source, text = _source_of(sweep)
        return define_search(source, options_of(arguments), text=text).sweep


def search(
    sweep: SweepLike,
    trainable: Trainable = None,
    *,
    progress: bool = True,
    **options: Unpack[SearchOptions],
) -> SearchResult:
    """Run the search of a sweep to its end.

    Ctrl-C, or the button that interrupts a notebook, ends it early, as it ends the command: the
    results so far are returned, and `resume` continues the search. Where the program is connected
    to Ray already, the search uses that Ray, and leaves it as it is; else it starts one, and ends
    it.

    Args:
        sweep: what `load_sweep` gives or takes. A sweep that was loaded counts as its text.
        trainable: a function of a trial's values that reports metrics, or what ``--trainable``
            takes: a name ``MODULE:FUNCTION``, ``pc`` or ``program``. None runs the sweep's program
            where it is there, else it trains the PC transformer.
        progress: whether to show how far the search is; warnings are shown in any case.
        options: those of the command, with the same defaults.

    Returns:
        What the search has found.

    Raises:
        PcsearchError: every problem of the sweep or of the options, and nothing has started; or the
            search cannot run any more.
    """
    return _new(sweep, trainable, progress, options).here()


def start_search(
    sweep: SweepLike,
    trainable: Trainable = None,
    *,
    progress: bool = True,
    **options: Unpack[SearchOptions],
) -> RunningSearch:
    """Run the search of a sweep in a thread, beside what the program does.

    The arguments are those of `search`.

    Raises:
        PcsearchError: every problem of the sweep or of the options. What comes later is raised by
            `RunningSearch.wait`.
    """
    return RunningSearch(_new(sweep, trainable, progress, options))


def resume(
    directory: str | Path,
    trainable: Trainable = None,
    *,
    sweep: SweepLike | None = None,
    rerun_failed: bool = False,
    progress: bool = True,
    **options: Unpack[ChangedOptions],
) -> SearchResult:
    """Resume a search that was interrupted, or extend one with ``num_samples``, to its end.

    Args:
        directory: the path or the address of its directory.
        trainable: the function of the search, where it is in no module: that of a notebook.
        sweep: what it searches from now on, as `search` takes it; None for what it did.
        rerun_failed: whether failed trials are retried.
        progress: as in `search`.
        options: those that change.

    Raises:
        PcsearchError: there is no such search, an option is wrong, or it cannot run any more.
    """
    return _resumed(directory, trainable, sweep, rerun_failed, progress, options).here()


def start_resume(
    directory: str | Path,
    trainable: Trainable = None,
    *,
    sweep: SweepLike | None = None,
    rerun_failed: bool = False,
    progress: bool = True,
    **options: Unpack[ChangedOptions],
) -> RunningSearch:
    """Resume a search in a thread; the arguments are those of `resume`.

    Raises:
        PcsearchError: every problem of the options.
    """
    return RunningSearch(_resumed(directory, trainable, sweep, rerun_failed, progress, options))


def open_search(directory: str | Path) -> SearchResult:
    """Read what a search has found that has ended, is running, or was interrupted.

    Nothing is locked, and neither Ray nor code of the user is loaded.

    Args:
        directory: the path or the address of its directory.

    Raises:
        PcsearchError: there is no experiment, or its files are damaged.
    """
    with in_python():
        return SearchResult(directory)


def _new(
    sweep: SweepLike, trainable: Trainable, progress: bool, options: Mapping[str, Any]
) -> PreparedSearch:
    set_environment()
    with in_python():
        arguments = read_options(options) | {"trainable": _named(trainable)}
        source, text = _source_of(sweep)
        listener = listener_of(progress)
        experiment, tracking = new_search(source, arguments, listener, text)
    return PreparedSearch(
        experiment.directory.place,
        lambda stop: run_session(experiment, tracking, listener, stop=stop),
        listener,
    )


def _resumed(
    directory: str | Path,
    trainable: Trainable,
    sweep: SweepLike | None,
    rerun_failed: bool,
    progress: bool,
    options: Mapping[str, Any],
) -> PreparedSearch:
    set_environment()
    with in_python():
        place = place_of(directory)
        arguments, chosen = read_changes(options)
        function = _named(trainable)
        file = None if sweep is None else _file_of(sweep)
    if function is not None:
        arguments, chosen = arguments | {"trainable": function}, chosen | {"trainable"}
    listener = listener_of(progress)
    return PreparedSearch(
        place,
        lambda stop: resume_directory(
            place, file, arguments, chosen, rerun_failed, listener, stop=stop
        ),
        listener,
    )


def _named(trainable: Any) -> Any:
    """What is trained: the name of a function where other processes can import it."""
    if trainable is None or isinstance(trainable, str):
        return trainable
    if not callable(trainable):
        message = f"{kind_of(trainable)} is no function; give one of a trial's values"
        raise PcsearchError(Problem(message, "trainable"))
    return importable(trainable, Path.cwd()) or trainable


def _file_of(sweep: SweepLike) -> Path | SweepText:
    source, text = _source_of(sweep)
    return Path(source) if text is None else SweepText(text, source)


def _source_of(sweep: Any) -> tuple[str, str | None]:
    """The name of a sweep in messages, and its text; None for the text of the file of that name."""
    if isinstance(sweep, Sweep):
        return sweep.source, sweep.text
    if isinstance(sweep, Mapping):
        return "", as_text(sweep)
    if isinstance(sweep, str | PathLike):
        return fspath(sweep), None
    message = f"{kind_of(sweep)} is no sweep; give the path of a sweep file, or a mapping"
    raise PcsearchError(Problem(message, "sweep"))
