"""The options of a search in Python: those of the command, with its defaults and checks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Number
from pathlib import Path
from typing import Any, Literal, TypedDict

import click

from pcsearch.command_line.options import CHANGEABLE, SECTIONS
from pcsearch.errors import PcsearchError, Problem
from pcsearch.library.values import plain_mapping
from pcsearch.sweeps.messages import suggestion

Place = str | Path
Trainable = str | Callable[[dict[str, Any]], Any] | None
"""A function of a trial's values, what ``--trainable`` takes, or None for what the sweep says."""
OF_COMMANDS = {
    *("plan", "draw", "as_json", "create_only", "sweep_id", "resume", "join", "rerun_failed"),
    *("trainable", "quiet", "verbose"),
}
"""The parameters of the command that are functions here, or parameters of them."""


class ChangedOptions(TypedDict, total=False):
    """The options that may change where a search is resumed; `SearchOptions` explains them."""

    num_samples: int
    confirm: int
    enqueue: Place
    address: str
    max_concurrent: int
    cpus_per_trial: float
    gpus_per_trial: float
    checkpoint_every: int
    compile: Literal["auto", "off"]
    max_failures: int
    trial_timeout: str | float
    time_budget: str | float
    no_report: bool
    wandb: Literal["auto", "online", "offline", "disabled"]
    wandb_artifacts: Literal["none", "best"]


class SearchOptions(ChangedOptions, total=False):
    """The options of a search, as ``python -m pcsearch --help`` explains them.

    ``set`` has the parameters that are fixed, by name. Times are seconds, or such as ``"90s"``.
    """

    set: Mapping[str, Any]
    metrics_from: str
    epoch_key: str
    grace: str | float
    sampler: Literal["auto", "tpe", "gp", "cmaes", "qmc", "random"]
    seed: int
    replicates: str
    no_racing: bool
    project: str
    entity: str
    name: str
    storage_path: Place
    warm_start: Place | Sequence[Place]


PLACES = {"--resume": "directory", "--output": "path"}
"""What the command calls arguments of functions here."""


def keyword(option: click.Option) -> str:
    """The name of an option in Python: ``num_samples`` of ``--num-samples``."""
    return option.opts[0].removeprefix("--").replace("-", "_")


OPTIONS = {
    keyword(option): option
    for options in SECTIONS.values()
    for option in options
    if option.name not in OF_COMMANDS
}
"""The options by their names in Python."""


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the command's options, by its names: those that are given, else the defaults.

    Args:
        given: by the names in Python; None stands for the default.

    Raises:
        PcsearchError: every option that is unknown, or has a wrong value.
    """
    problems: list[Problem] = []
    arguments: dict[str, Any] = {}
    for name in given.keys() - OPTIONS.keys():
        problems.append(Problem(f"unknown option{suggestion(name, OPTIONS)}", name))
    for name, option in OPTIONS.items():
        try:
            arguments[str(option.name)] = _value(name, option, given.get(name))
        except PcsearchError as error:
            problems += error.problems
        except click.ClickException as error:
            problems.append(Problem(error.message, name))
    if problems:
        raise PcsearchError(problems)
    return arguments


def read_changes(given: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The values of the options of a resumed search, and the names of those that are given.

    Raises:
        PcsearchError: every option that is unknown, wrong, or cannot change.
    """
    chosen = {name for name, value in given.items() if value is not None} & OPTIONS.keys()
    problems = [
        Problem("cannot change in a resumed search; leave it out", name)
        for name in sorted(chosen)
        if OPTIONS[name].name not in CHANGEABLE
    ]
    try:
        arguments = read_options(given)
    except PcsearchError as error:
        problems += error.problems
    if problems:
        raise PcsearchError(problems)
    names = {str(OPTIONS[name].name) for name in chosen}
    # These may come from the environment.
    return arguments, names | {name for name in ("address", "no_report") if arguments[name]}


@contextmanager
def in_python() -> Iterator[None]:
    """Name the options in errors as Python does: the command's checks are those of a program."""
    try:
        yield
    except PcsearchError as error:
        raise PcsearchError(map(_in_python, error.problems)) from error.__cause__


def _value(name: str, option: click.Option, value: Any) -> Any:
    if name == "set":
        if not isinstance(value or {}, Mapping):
            raise click.BadParameter("give a mapping of parameters, such as {'epochs': 3}")
        return plain_mapping(value or {}, name)
    if option.is_flag and value is False:
        # Left out, it would be what the environment says.
        return False
    command = click.Command("search", params=[option], add_help_option=False)
    return command.make_context("search", _words(option, value)).params[str(option.name)]


def _words(option: click.Option, value: Any) -> list[str]:
    """What stands in a command line for an option with a value."""
    flag = option.opts[0]
    if value is None:
        return []
    if option.is_flag and value is True:
        return [flag]
    several = option.multiple and isinstance(value, Sequence) and not isinstance(value, str)
    words = []
    for each in value if several else [value]:
        if isinstance(each, bool) or not isinstance(each, str | os.PathLike | Number):
            raise click.BadParameter(f"{each!r} is no value for it")
        words.append(f"{flag}={os.fspath(each) if isinstance(each, os.PathLike) else each}")
    return words


def _in_python(problem: Problem) -> Problem:
    where, message = PLACES.get(problem.where, problem.where), problem.message
    for name, option in {**OPTIONS, "trainable": _TRAINABLE}.items():
        for flag in option.opts:
            where = name if where == flag else where
            # Not where it stands in a command.
            pattern = rf"(?<!\S){re.escape(flag)} {re.escape(str(option.metavar))}(?!\w)"
            message = re.sub(pattern, f"{name}={option.metavar}", message)
    return replace(problem, where=where, message=message)


_TRAINABLE = next(
    option for options in SECTIONS.values() for option in options if option.name == "trainable"
)
