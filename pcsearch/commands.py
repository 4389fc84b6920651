"""What the command does: plan a search, start it, resume it, or register it with W&B.

--help should pay for none of it, so each function imports what it needs.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE

if TYPE_CHECKING:
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.engine.records.options import Options
    from pcsearch.sweeps.sweep import Sweep
    from pcsearch.tracking.server.sweep import SweepAddress

DEFAULT_PROJECT = "pcsearch"
TRACKING = {"wandb": "wandb", "wandb_artifacts": "artifacts"}
"""The options for W&B's runs, and their names in the experiment's record."""
SWEEP_ID = "--sweep-id"


def plan(sweep: Path, given: Mapping[str, Any], draws: int, as_json: bool) -> int:
    """Print what a search would do.

    Raises:
        PcsearchError: whatever is wrong with the sweep or the options.
    """
    from pcsearch.engine.experiment.plan import make_plan
    from pcsearch.reports.plan import as_document, as_text

    search_plan = make_plan(sweep, _options(given), draws)
    click.echo(as_document(search_plan) if as_json else as_text(search_plan))
    return DONE


def start(sweep: Path, given: Mapping[str, Any]) -> int:
    """Run the search of a sweep file.

    Raises:
        PcsearchError: whatever is wrong; nothing has started then.
    """
    from pcsearch.engine.experiment.experiment import new_experiment
    from pcsearch.session import run_session

    experiment = _with_warm_start(new_experiment(sweep, _options(given)))
    return run_session(experiment, _tracking(given, experiment.sweep))


def start_in_sweep(sweep: Path | None, sweep_id: str, given: Mapping[str, Any]) -> int:
    """Run the search of a sweep that is at W&B; the runs belong to that sweep.

    Args:
        sweep: the file, which must say the same search; without the server it is the only source.
        sweep_id: of W&B's sweep.
        given: the other options.

    Raises:
        PcsearchError: whatever is wrong; nothing has started then.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.engine.experiment.experiment import new_experiment
    from pcsearch.session import run_session
    from pcsearch.tracking.server.mode import resolve
    from pcsearch.tracking.server.registration import SWEEP_ID as ID
    from pcsearch.tracking.server.registration import SWEEP_URL as URL

    address = _address(sweep_id, given)
    options = _options(given)
    experiment = None if sweep is None else new_experiment(sweep, options)
    mode = resolve(given["wandb"])
    tracking = _tracking(given, None if experiment is None else experiment.sweep, address)
    tracking[ID] = address.id
    if mode.mode == "online":
        address = replace(address, project=tracking["project"], entity=tracking["entity"])
        text, tracking[URL] = _configuration(address)
        source = Path(f"W&B sweep {address}")
        if experiment is None:
            experiment = new_experiment(source, options, text)
        else:
            theirs = define_search(source, options, text=text).sweep
            _compare(experiment.sweep, theirs)
    elif experiment is None:
        message = f"without a SWEEP file the server has to give the sweep, but {mode.reason}"
        raise PcsearchError(Problem(message, SWEEP_ID))
    return run_session(_with_warm_start(experiment), tracking, mode)


def _with_warm_start(experiment: Experiment) -> Experiment:
    """The experiment with the results of ``--warm-start`` in its history."""
    if not experiment.options.warm_start:
        return experiment
    from pcsearch.engine.experiment.warm_start import warm_start

    start = warm_start(experiment)
    for note in start.notes:
        click.echo(note, err=True)
    return replace(experiment, history=replace(experiment.history, known=list(start.known)))


def create(sweep: Path, given: Mapping[str, Any]) -> int:
    """Register a sweep file with W&B, and print the new sweep's id.

    Raises:
        PcsearchError: something is wrong with the file, or W&B does not take it.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.tracking.server.api import NoAnswer
    from pcsearch.tracking.server.mode import require_server
    from pcsearch.tracking.server.sweep import create_sweep

    options = _options(given)
    checked = define_search(sweep, options).sweep
    require_server("--create-only")
    tracking = _tracking(given, checked)
    try:
        made = create_sweep(checked, tracking["project"], tracking["entity"])
    except NoAnswer as problem:
        message = f"W&B did not register the sweep: {problem}"
        raise PcsearchError(Problem(message, "--create-only")) from problem
    # The id alone on standard output, for scripts.
    click.echo(made.id)
    click.echo(f"W&B sweep: {made.url}", err=True)
    return DONE


def resume(
    directory: str,
    sweep: Path | None,
    given: Mapping[str, Any],
    chosen: Collection[str],
    rerun_failed: bool,
) -> int:
    """Resume the search of an experiment's directory.

    Args:
        directory: the experiment's, or its address.
        sweep: a file that must ask for the same search; None where none is given.
        given: every option.
        chosen: the names of those that the user has given.
        rerun_failed: whether failed trials are retried.

    Raises:
        PcsearchError: the experiment or an option is wrong.
    """
    from pcsearch.engine.experiment.experiment import resumed_experiment
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.history import retry_failed
    from pcsearch.engine.records.journal import Journal
    from pcsearch.session import run_session

    passing = ("deadline", "address")
    changes = {name: given[name] for name in chosen if name not in TRACKING}
    changed = {key: given[name] for name, key in TRACKING.items() if name in chosen}
    there = directory_at(directory, "--resume")
    with ExitStack() as during:
        during.enter_context(there.tidied())
        record = there.record()
        during.enter_context(there.owned())
        there.fetch()
        Journal(there.path).cut_torn_line()
        experiment, tracking = resumed_experiment(there, changes, sweep)
        tracking |= changed
        retried = retry_failed(experiment.history) if rerun_failed else []
        if rerun_failed and not retried:
            if experiment.over:
                raise PcsearchError(f"--rerun-failed: no trial of {there.place} has failed")
            click.echo("--rerun-failed: no trial has failed", err=True)

        def write_record() -> None:
            kept = {name: value for name, value in changes.items() if name not in passing}
            if kept or changed:
                options = record["options"] | kept
                there.rewrite(record | {"options": options, "tracking": tracking})
            for event in retried:
                Journal(there.path).add(event)

        if experiment.over:
            _tell_of_the_end(experiment)
        return run_session(experiment, tracking, on_ready=write_record)


def _tell_of_the_end(experiment: Experiment) -> None:
    from pcsearch.engine.experiment.definition import grid_size

    count = len(experiment.history.trials)
    message = f"{experiment.directory.place}: the search is finished, all {count} trials of it"
    if experiment.history.reached is not None:
        message = f"{experiment.directory.place}: the search is finished, its target is reached"
    elif count == grid_size(experiment.sweep):
        message += ", which are all that its grid has"
    else:
        message += "; --num-samples N runs more"
    if experiment.history.failed:
        message += "; --rerun-failed tries failed ones again"
    click.echo(message, err=True)


def _options(given: Mapping[str, Any]) -> Options:
    from pcsearch.engine.records.options import Options

    others = ("project", "entity", *TRACKING)
    seed = given["seed"] if given["seed"] is not None else secrets.randbelow(2**31)
    chosen = {name: value for name, value in given.items() if name not in others}
    return Options(**{**chosen, "seed": seed})


def _tracking(
    given: Mapping[str, Any], sweep: Sweep | None, address: SweepAddress | None = None
) -> dict[str, Any]:
    """W&B's settings for the record; a sweep's address comes first, then options, then the file."""
    project, entity = given["project"], given["entity"]
    if address is not None:
        project, entity = address.project or project, address.entity or entity
    if sweep is not None:
        project, entity = project or sweep.project, entity or sweep.entity
    modes = {key: given[name] for name, key in TRACKING.items()}
    return {"project": project or DEFAULT_PROJECT, "entity": entity, **modes}


def _address(sweep_id: str, given: Mapping[str, Any]) -> SweepAddress:
    from pcsearch.tracking.server.sweep import parse_address

    address = parse_address(sweep_id)
    for option, own in (("project", address.project), ("entity", address.entity)):
        if own and given[option] and own != given[option]:
            message = f"{given[option]} is not that of the sweep {address}; leave it out"
            raise PcsearchError(Problem(message, f"--{option}"))
    return address


def _configuration(address: SweepAddress) -> tuple[str, str]:
    """The text and the URL of a sweep at W&B."""
    from pcsearch.tracking.server.api import NoAnswer
    from pcsearch.tracking.server.sweep import fetch_sweep

    try:
        text, found = fetch_sweep(address)
    except NoAnswer as problem:
        message = f"W&B does not give the sweep {address}: {problem}"
        raise PcsearchError(Problem(message, SWEEP_ID)) from problem
    return text, found.url


def _compare(file: Sweep, theirs: Sweep) -> None:
    """Check that a file and W&B's sweep say the same search."""
    from pcsearch.sweeps.differences import differences

    problems = [
        Problem(f"the file says {one}, W&B's sweep {other}", file.source, key)
        for key, one, other in differences(file, theirs)
    ]
    if problems:
        hint = Problem("is another search; leave SWEEP out to run W&B's sweep", SWEEP_ID)
        raise PcsearchError([*problems, hint])
