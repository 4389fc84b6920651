"""Runs trials of a search that others run too: of a sweep that W&B has, or of a shared folder."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.reports.listener import Listener
from pcsearch.sessions.launching import (
    changes_of,
    check_artifacts,
    options_of,
    tracking_of,
    with_warm_start,
)
from pcsearch.sweeps.marking import CHANGED, has_one_driver
from pcsearch.sweeps.replicates import ALONE

if TYPE_CHECKING:
    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.experiment.definition import SearchDefinition
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.sweeps.sweep import Sweep
    from pcsearch.tracking.server.sweep import SweepAddress, WandbSweep

SWEEP_ID = "--sweep-id"


def start_in_sweep(
    sweep: Path | None, sweep_id: str, arguments: Mapping[str, Any], listener: Listener
) -> SessionResult:
    """Run the search of a sweep that W&B has; the runs belong to that sweep.

    Args:
        sweep: a file that must ask for the same search as W&B's sweep; None takes the sweep from
            W&B, which needs the server.
        sweep_id: the id of W&B's sweep.
        arguments: the values of the command's options, by name.
        listener: is told what happens, and what the search has come to.

    Raises:
        PcsearchError: as `launching.start`, or W&B does not give the sweep.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.engine.experiment.experiment import new_experiment
    from pcsearch.sessions.session import run_session
    from pcsearch.tracking.ledger.terms import check_open
    from pcsearch.tracking.server.mode import resolve
    from pcsearch.tracking.server.registration import JOINED
    from pcsearch.tracking.server.registration import SWEEP_ID as ID
    from pcsearch.tracking.server.registration import SWEEP_URL as URL

    address = _address(sweep_id, arguments)
    options = options_of(arguments)
    experiment = None if sweep is None else new_experiment(sweep, options)
    mode = resolve(arguments["wandb"])
    tracking = tracking_of(arguments, None if experiment is None else experiment.sweep, address)
    tracking |= {ID: address.id, JOINED: True}
    if mode.mode == "online":
        address = replace(address, project=tracking["project"], entity=tracking["entity"])
        text, theirs = _at_server(address)
        tracking[URL] = theirs.url
        source = Path(f"W&B sweep {address}")
        if experiment is None:
            experiment = new_experiment(source, options, text)
        else:
            search = define_search(source, options, text=text)
            _check_joins(search, address)
            _compare(experiment.sweep, search.sweep)
        _check_joins(experiment, address)
        check_open(theirs, address)
    elif experiment is None:
        message = f"without a SWEEP file the server has to give the sweep, but {mode.reason}"
        raise PcsearchError(Problem(message, SWEEP_ID))
    _check_joins(experiment, address)
    check_artifacts(experiment, tracking)
    experiment = _apart_from_others(experiment, arguments, address.id)
    return run_session(with_warm_start(experiment, listener), tracking, listener, mode)


def _check_joins(search: SearchDefinition, address: SweepAddress) -> None:
    """Check that several drivers can run a search.

    Raises:
        PcsearchError: its configurations run with several seeds, or it was changed: numbers say
            little of its trials then.
    """
    if search.replicates is not None:
        raise PcsearchError(Problem(ALONE, SWEEP_ID))
    if has_one_driver(search.sweep):
        raise PcsearchError(Problem(f"W&B's sweep {address} {CHANGED}", SWEEP_ID))


def _apart_from_others(
    experiment: Experiment, arguments: Mapping[str, Any], sweep_id: str
) -> Experiment:
    """Name the experiment of one of several drivers, and choose its seed.

    With one seed, all drivers know the same draw by its number. ``bayes`` learns from the draws of
    the others, and begins with other points.
    """
    from pcsearch.engine.records.directory import directory_in
    from pcsearch.tracking.server.sweep import seed_of

    changes: dict[str, Any] = {}
    if arguments["name"] is None:
        # Drivers may start in the same second.
        name = f"{experiment.directory.name}_{secrets.token_hex(2)}"
        changes["directory"] = directory_in(experiment.options.storage_path, name, "--storage-path")
    if arguments["seed"] is None and experiment.sweep.method == "random":
        changes["options"] = replace(experiment.options, seed=seed_of(sweep_id))
    return replace(experiment, **changes)


def _address(sweep_id: str, arguments: Mapping[str, Any]) -> SweepAddress:
    from pcsearch.tracking.server.sweep import parse_address

    address = parse_address(sweep_id)
    for option, own in (("project", address.project), ("entity", address.entity)):
        if own and arguments[option] and own != arguments[option]:
            message = f"{arguments[option]} is not that of the sweep {address}; leave it out"
            raise PcsearchError(Problem(message, f"--{option}"))
    return address


def _at_server(address: SweepAddress) -> tuple[str, WandbSweep]:
    """Read a sweep from W&B's server: the text of its sweep file, and its page and state."""
    from pcsearch.tracking.server.api import NoAnswer
    from pcsearch.tracking.server.sweep import fetch_sweep

    try:
        text, sweep = fetch_sweep(address)
    except NoAnswer as problem:
        message = f"W&B does not give the sweep {address}: {problem}"
        raise PcsearchError(Problem(message, SWEEP_ID)) from problem
    return text, sweep


def _compare(file: Sweep, theirs: Sweep) -> None:
    """Check that a file and W&B's sweep ask for the same search."""
    from pcsearch.sweeps.matching.differences import differences

    problems = [
        Problem(f"the file says {one}, W&B's sweep {other}", file.source, key)
        for key, one, other in differences(file, theirs)
    ]
    if problems:
        hint = Problem("is another search; leave SWEEP out to run W&B's sweep", SWEEP_ID)
        raise PcsearchError([*problems, hint])


def join(
    place: str,
    sweep: Path | None,
    arguments: Mapping[str, Any],
    chosen: Collection[str],
    listener: Listener,
) -> SessionResult:
    """Run trials of a search that another machine runs, in the folder that both have.

    Args:
        place: the path of the search's directory.
        sweep: a file that must ask for the same search, None where the user gave no file.
        arguments: the values of the command's options, by name.
        chosen: the names of the options that the user gave.
        listener: is told what happens, and what the search has come to.

    Raises:
        PcsearchError: there is no such search, it does not run, or an option is wrong.
    """
    from pcsearch.engine.experiment.joining import OPTION, joined_experiment
    from pcsearch.sessions.session import run_session
    from pcsearch.tracking.server.registration import SWEEP_ID as ID
    from pcsearch.tracking.server.sweep import SweepAddress

    changes, changed_tracking = changes_of(arguments, chosen)
    experiment, tracking = joined_experiment(place, changes, sweep, listener.say)
    if tracking.get(ID):
        address = SweepAddress(tracking[ID], tracking["project"], tracking["entity"])
        message = f"the search is a W&B sweep; join it with {SWEEP_ID} {address}"
        raise PcsearchError(Problem(message, OPTION))
    check_artifacts(experiment, changed_tracking)
    return run_session(experiment, tracking | changed_tracking, listener)
