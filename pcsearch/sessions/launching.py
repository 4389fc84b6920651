"""Starts a search by the options of the command; who is told of it is a parameter.

Each function imports what it needs, so that the plan of a search stays fast.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.reports.listener import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.experiment.definition import SearchDefinition
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.engine.records.options import Options
    from pcsearch.sweeps.sweep import Sweep
    from pcsearch.tracking.server.sweep import SweepAddress

TRACKING = {"wandb": "wandb", "wandb_artifacts": "artifacts"}
"""The options for W&B's runs, and their names in the experiment's record."""


def start(
    sweep: str | Path, arguments: Mapping[str, Any], listener: Listener, text: str | None = None
) -> SessionResult:
    """Run the search of a sweep file.

    Args:
        sweep: the sweep file, or its name in messages if ``text`` is given.
        arguments: the values of the command's options, by name.
        listener: is told what happens, and what the search has come to.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong, and nothing has started; or the search
            cannot run any more.
    """
    from pcsearch.sessions.session import run_session

    experiment, tracking = new_search(sweep, arguments, listener, text)
    return run_session(experiment, tracking, listener)


def new_search(
    sweep: str | Path, arguments: Mapping[str, Any], listener: Listener, text: str | None = None
) -> tuple[Experiment, dict[str, Any]]:
    """A new search that is ready to run, and the settings of its W&B runs.

    Args:
        sweep: the sweep file, or its name in messages if ``text`` is given.
        arguments: the values of the command's options, by name.
        listener: is told what the search starts from.
        text: the sweep's text, for a sweep that is not in a file.

    Raises:
        PcsearchError: the sweep or an option is wrong.
    """
    from pcsearch.engine.experiment.experiment import new_experiment, with_queue

    experiment = new_experiment(sweep, options_of(arguments), text)
    experiment = with_warm_start(experiment, listener)
    if arguments["enqueue"] is not None:
        experiment = with_queue(experiment, arguments["enqueue"])
        tell_queue(experiment, listener)
    tracking = tracking_of(arguments, experiment.sweep)
    check_artifacts(experiment, tracking)
    return experiment, tracking


def check_artifacts(search: SearchDefinition, tracking: Mapping[str, Any]) -> None:
    """Refuse ``--wandb-artifacts`` where trials run a program: pcsearch does not know its models.

    Args:
        search: the search.
        tracking: what the user asks for now of the settings of its W&B runs.

    Raises:
        PcsearchError: they are programs, whose models nobody else knows.
    """
    if search.workload.runs_program and tracking.get("artifacts", "none") != "none":
        message = (
            "is not for programs, whose models only they know; leave it out, and let the program "
            "upload its own (wandb.log_artifact)"
        )
        raise PcsearchError(Problem(message, "--wandb-artifacts"))


def with_warm_start(experiment: Experiment, listener: Listener) -> Experiment:
    """Add the results of ``--warm-start`` to the experiment's history."""
    if not experiment.options.warm_start:
        return experiment
    from pcsearch.engine.experiment.warm_start import warm_start

    start = warm_start(experiment)
    for note in start.notes:
        listener.say(note)
    return replace(experiment, history=replace(experiment.history, warm_start=list(start.results)))


def tell_queue(experiment: Experiment, listener: Listener) -> None:
    """Tell which configurations a search tries first, where it has new ones."""
    for line in experiment.queue_lines:
        listener.say(line)


def changes_of(
    arguments: Mapping[str, Any], chosen: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a search that the user gave, and those for its W&B runs."""
    others = (*TRACKING, "enqueue")
    changes = {name: arguments[name] for name in chosen if name not in others}
    return changes, {key: arguments[name] for name, key in TRACKING.items() if name in chosen}


def options_of(arguments: Mapping[str, Any]) -> Options:
    """The options of a search by the values of the command's options; the seed may be drawn."""
    from pcsearch.engine.records.options import Options

    others = ("project", "entity", "enqueue", *TRACKING)
    seed = arguments["seed"] if arguments["seed"] is not None else secrets.randbelow(2**31)
    chosen = {name: value for name, value in arguments.items() if name not in others}
    return Options(**{**chosen, "seed": seed})


def tracking_of(
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
