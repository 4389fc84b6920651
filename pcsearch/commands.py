"""What the command does: plan, start or resume a search, or register or run a W&B sweep.

Each function imports what it needs, so that --help and --plan stay fast.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.exits import DONE

if TYPE_CHECKING:
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.engine.records.options import Options
    from pcsearch.sweeps.sweep import Sweep
    from pcsearch.tracking.server.sweep import SweepAddress, WandbSweep

TRACKING = {"wandb": "wandb", "wandb_artifacts": "artifacts"}
"""The options for W&B's runs, and their names in the experiment's record."""
SWEEP_ID = "--sweep-id"


def plan(sweep: Path, arguments: Mapping[str, Any], draws: int, as_json: bool) -> int:
    """Print the plan of a search: its trials, searcher, scheduler and parameters.

    Args:
        sweep: the sweep file.
        arguments: the values of the command's options, by name.
        draws: how many configurations the plan shows.
        as_json: whether to print JSON.

    Raises:
        PcsearchError: the sweep or an option is wrong.
    """
    from pcsearch.engine.experiment.plan import make_plan
    from pcsearch.reports.plan import as_document, as_text

    search_plan = make_plan(sweep, _options(arguments), draws)
    click.echo(as_document(search_plan) if as_json else as_text(search_plan))
    return DONE


def start(sweep: Path, arguments: Mapping[str, Any]) -> int:
    """Run the search of a sweep file.

    Raises:
        PcsearchError: the sweep or an option is wrong, and nothing has started; or the search
            cannot run any more.
    """
    from pcsearch.engine.experiment.experiment import new_experiment
    from pcsearch.session import run_session

    experiment = _with_warm_start(new_experiment(sweep, _options(arguments)))
    return run_session(experiment, _tracking(arguments, experiment.sweep))


def start_in_sweep(sweep: Path | None, sweep_id: str, arguments: Mapping[str, Any]) -> int:
    """Run the search of a sweep that W&B has; the runs belong to that sweep.

    Args:
        sweep: a file that must ask for the same search as W&B's sweep; None takes the sweep from
            W&B, which needs the server.
        sweep_id: the id of W&B's sweep.
        arguments: the values of the command's options, by name.

    Raises:
        PcsearchError: as `start`, or W&B does not give the sweep.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.engine.experiment.experiment import new_experiment
    from pcsearch.session import run_session
    from pcsearch.tracking.ledger.terms import check_open
    from pcsearch.tracking.server.mode import resolve
    from pcsearch.tracking.server.registration import JOINED
    from pcsearch.tracking.server.registration import SWEEP_ID as ID
    from pcsearch.tracking.server.registration import SWEEP_URL as URL

    address = _address(sweep_id, arguments)
    options = _options(arguments)
    experiment = None if sweep is None else new_experiment(sweep, options)
    mode = resolve(arguments["wandb"])
    tracking = _tracking(arguments, None if experiment is None else experiment.sweep, address)
    tracking |= {ID: address.id, JOINED: True}
    if mode.mode == "online":
        address = replace(address, project=tracking["project"], entity=tracking["entity"])
        text, theirs = _at_server(address)
        tracking[URL] = theirs.url
        source = Path(f"W&B sweep {address}")
        if experiment is None:
            experiment = new_experiment(source, options, text)
        else:
            _compare(experiment.sweep, define_search(source, options, text=text).sweep)
        check_open(theirs, address)
    elif experiment is None:
        message = f"without a SWEEP file the server has to give the sweep, but {mode.reason}"
        raise PcsearchError(Problem(message, SWEEP_ID))
    experiment = _apart_from_others(experiment, arguments, address.id)
    return run_session(_with_warm_start(experiment), tracking, mode)


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


def _with_warm_start(experiment: Experiment) -> Experiment:
    """Add the results of ``--warm-start`` to the experiment's history."""
    if not experiment.options.warm_start:
        return experiment
    from pcsearch.engine.experiment.warm_start import warm_start

    start = warm_start(experiment)
    for note in start.notes:
        click.echo(note, err=True)
    return replace(experiment, history=replace(experiment.history, warm_start=list(start.results)))


def create(sweep: Path, arguments: Mapping[str, Any]) -> int:
    """Register a sweep file with W&B, and print the new sweep's id.

    Raises:
        PcsearchError: something is wrong with the file, or W&B does not take it.
    """
    from pcsearch.engine.experiment.definition import define_search
    from pcsearch.tracking.server.api import NoAnswer
    from pcsearch.tracking.server.mode import require_server
    from pcsearch.tracking.server.sweep import create_sweep

    options = _options(arguments)
    checked = define_search(sweep, options).sweep
    require_server("--create-only")
    tracking = _tracking(arguments, checked)
    try:
        registered = create_sweep(checked, tracking["project"], tracking["entity"])
    except NoAnswer as problem:
        message = f"W&B did not register the sweep: {problem}"
        raise PcsearchError(Problem(message, "--create-only")) from problem
    # The id alone on standard output, for scripts.
    click.echo(registered.id)
    click.echo(f"W&B sweep: {registered.url}", err=True)
    return DONE


def resume(
    place: str,
    sweep: Path | None,
    arguments: Mapping[str, Any],
    chosen: Collection[str],
    rerun_failed: bool,
) -> int:
    """Resume the search of an experiment's directory.

    Args:
        place: the path or the address of the directory.
        sweep: a file that must ask for the same search, None where the user gave no file.
        arguments: the values of the command's options, by name.
        chosen: the names of the options that the user gave.
        rerun_failed: whether failed trials are retried.

    Raises:
        PcsearchError: there is no such experiment, an option is wrong, or the search cannot run
            any more.
    """
    from pcsearch.engine.experiment.experiment import resumed_experiment
    from pcsearch.engine.experiment.joining import is_over
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.history import retry_failed
    from pcsearch.engine.records.journal import Journal
    from pcsearch.engine.records.options import OF_ONE_SESSION
    from pcsearch.session import run_session

    changes, changed_tracking = _changes(arguments, chosen)
    directory = directory_at(place, "--resume")
    with ExitStack() as stack:
        stack.enter_context(directory.tidied())
        record = directory.record()
        stack.enter_context(directory.owned())
        directory.fetch()
        Journal(directory.path).cut_torn_line()
        experiment, tracking = resumed_experiment(directory, changes, sweep)
        tracking |= changed_tracking
        retried = retry_failed(experiment.history) if rerun_failed else []
        if rerun_failed and not retried:
            if experiment.over:
                raise PcsearchError(f"--rerun-failed: no trial of {directory.place} has failed")
            click.echo("--rerun-failed: no trial has failed", err=True)

        def write_record() -> None:
            lasting = {name: value for name, value in changes.items() if name not in OF_ONE_SESSION}
            if lasting or changed_tracking:
                options = record["options"] | lasting
                directory.rewrite(record | {"options": options, "tracking": tracking})
            for event in retried:
                Journal(directory.path).add(event)

        for trial in experiment.history.trials:
            if trial.end is not None and trial.end.elsewhere:
                click.echo(f"trial {trial.number}: another driver runs it again", err=True)
        if experiment.over:
            _print_finished(experiment)
        elif is_over(experiment):
            message = "the search is finished: its other trials are those of other drivers"
            click.echo(f"{directory.place}: {message}", err=True)
        return run_session(experiment, tracking, on_ready=write_record)


def join(
    place: str, sweep: Path | None, arguments: Mapping[str, Any], chosen: Collection[str]
) -> int:
    """Run trials of a search that another machine runs, in the folder that both have.

    Args:
        place: the path of the search's directory.
        sweep: a file that must ask for the same search, None where the user gave no file.
        arguments: the values of the command's options, by name.
        chosen: the names of the options that the user gave.

    Raises:
        PcsearchError: there is no such search, it does not run, or an option is wrong.
    """
    from pcsearch.engine.experiment.joining import OPTION, joined_experiment
    from pcsearch.session import run_session
    from pcsearch.tracking.server.registration import SWEEP_ID as ID
    from pcsearch.tracking.server.sweep import SweepAddress

    changes, changed_tracking = _changes(arguments, chosen)
    experiment, tracking = joined_experiment(place, changes, sweep, partial(click.echo, err=True))
    if tracking.get(ID):
        address = SweepAddress(tracking[ID], tracking["project"], tracking["entity"])
        message = f"the search is a W&B sweep; join it with {SWEEP_ID} {address}"
        raise PcsearchError(Problem(message, OPTION))
    return run_session(experiment, tracking | changed_tracking)


def _changes(
    arguments: Mapping[str, Any], chosen: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a search that the user gave, and those for its W&B runs."""
    changes = {name: arguments[name] for name in chosen if name not in TRACKING}
    return changes, {key: arguments[name] for name, key in TRACKING.items() if name in chosen}


def _print_finished(experiment: Experiment) -> None:
    from pcsearch.engine.experiment.definition import space_size

    count = len(experiment.history.own)
    message = f"{experiment.directory.place}: the search is finished, all {count} trials of it"
    if experiment.history.reached is not None:
        message = f"{experiment.directory.place}: the search is finished, its target is reached"
    elif count == space_size(experiment.sweep, experiment.options):
        kind = "grid" if experiment.sweep.method == "grid" else "space"
        message += f", which are all that its {kind} has"
    else:
        message += "; --num-samples N runs more"
    if experiment.history.failed:
        message += "; --rerun-failed retries the failed ones"
    click.echo(message, err=True)


def _options(arguments: Mapping[str, Any]) -> Options:
    from pcsearch.engine.records.options import Options

    others = ("project", "entity", *TRACKING)
    seed = arguments["seed"] if arguments["seed"] is not None else secrets.randbelow(2**31)
    chosen = {name: value for name, value in arguments.items() if name not in others}
    return Options(**{**chosen, "seed": seed})


def _tracking(
    arguments: Mapping[str, Any], sweep: Sweep | None, address: SweepAddress | None = None
) -> dict[str, Any]:
    """The W&B settings that the experiment's record keeps.

    The project and the entity come from a sweep's address, else from the options, a variable, the
    sweep file or W&B's settings files, in this order.
    """
    from pcsearch.tracking.server.settings import (
        DEFAULT_PROJECT,
        UserSettings,
        check_project,
        read_settings,
    )

    modes = {key: arguments[name] for name, key in TRACKING.items()}
    # Where nothing is logged, W&B's client is not imported.
    user = UserSettings() if modes["wandb"] == "disabled" else read_settings()
    chosen = {
        name: getattr(address, name, None)
        or user.choose(name, arguments[name], getattr(sweep, name, None))
        for name in ("project", "entity")
    }
    if modes["wandb"] != "disabled":
        check_project(chosen["project"])
    own = {"project": chosen["project"] or DEFAULT_PROJECT, **_group(arguments["name"])}
    return {**chosen, **own, **modes, **user.of_runs()}


def _group(name: str | None) -> dict[str, str]:
    """The group of the W&B runs, where the folder of the experiment has another name."""
    from pcsearch.engine.records.directory import folder_form
    from pcsearch.tracking.server.registration import GROUP, LONGEST_GROUP

    return {} if not name or folder_form(name) == name else {GROUP: name[:LONGEST_GROUP]}


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
    from pcsearch.sweeps.differences import differences

    problems = [
        Problem(f"the file says {one}, W&B's sweep {other}", file.source, key)
        for key, one, other in differences(file, theirs)
    ]
    if problems:
        hint = Problem("is another search; leave SWEEP out to run W&B's sweep", SWEEP_ID)
        raise PcsearchError([*problems, hint])
