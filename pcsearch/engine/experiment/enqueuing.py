"""Enqueues configurations that a search is to try first: those of a file, or the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.definition import LEARNS, SearchDefinition
from pcsearch.engine.experiment.versions import configs_of
from pcsearch.engine.records.journal.changes import Enqueued
from pcsearch.engine.records.journal.history import History
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.matching.enqueued import default_values, read_configurations
from pcsearch.sweeps.parameters import has_value, nested, value_of

OPTION = "--enqueue"
DEFAULTS = "defaults"
"""What stands for the configuration of all defaults, in place of a file."""


@dataclass(frozen=True)
class Queue:
    """Configurations to try first, before the journal has them.

    Args:
        event: for the journal.
        lines: how many there are, and which are left out, in words.
    """

    event: Enqueued
    lines: tuple[str, ...]


def enqueued(what: str, search: SearchDefinition, history: History) -> Queue:
    """Add configurations to those that a search is to try first; nothing is written.

    Those that trials have had, or that are enqueued already, are left out: the same command may be
    given again after a kill.

    Args:
        what: a file, or ``defaults``.
        search: by its newest sweep file.
        history: of it; it gets the configurations.

    Raises:
        PcsearchError: the file is wrong; it has every problem of it.
    """
    workload, sweep = search.workload, search.configured
    notes: list[str] = []
    if what == DEFAULTS:
        found = [_defaults(search, notes)]
    else:
        without = _without_values(search)
        found = read_configurations(
            Path(what), sweep, workload.numeric, workload.whole, notes, without
        )
    if sweep.method in LEARNS:
        _check_points(search, found)
    had = _had(search, history)
    known = set(map(identity, history.enqueued))
    new, again, run = [], 0, 0
    for part in found:
        whole = _whole(search, part)
        if whole is not None and identity(whole) in had:
            run += 1
        elif identity(part) in known:
            again += 1
        else:
            known.add(identity(part))
            new.append(part)
    history.enqueued += new
    left_out = [f"{run} had run already"] if run else []
    left_out += [f"{again} enqueued already"] if again else []
    why = f" (left out: {', '.join(left_out)})" if left_out else ""
    line = f"{OPTION} {what}: configurations to try first: {len(new)}{why}"
    return Queue(Enqueued(new), (line, *notes))


def _without_values(search: SearchDefinition) -> dict[str, str]:
    """The parameter that no enqueued configuration may give a value, and why."""
    if search.replicates is None:
        return {}
    message = (
        "is the seed of the race; leave it out: a configuration runs with one seed after another"
    )
    return {search.replicates.name: message}


def without_a_trial(history: History, cap: int, reach: int | None) -> str:
    """A line about enqueued configurations for which the search has no trial left; else empty.

    Args:
        history: of the search, with the configurations.
        cap: the largest number of trials.
        reach: how many trials it can have whatever the cap is, None without an end.
    """
    left, waiting = max(0, cap - len(history.own)), len(history.waiting)
    if waiting <= left:
        return ""
    need = cap + waiting - left
    if reach is not None and need > reach:
        todo = f"it can have {reach} trials in all"
    else:
        todo = f"--num-samples {need}, also with --resume, tries them all"
    have = f"the search has {left or 'no'} trial{'s' * (left > 1)} left"
    return f"{have} for {waiting} enqueued configuration{'s' * (waiting > 1)}; {todo}"


def _check_points(search: SearchDefinition, configs: Sequence[Mapping[str, Any]]) -> None:
    """Check that Optuna can try configurations: each value is on the axis of its parameter.

    Raises:
        PcsearchError: a value is so far out in its distribution that it is on none.
    """
    # Optuna takes a while to import.
    from pcsearch.engine.search.sampling.search_space import OptunaSpace

    space = OptunaSpace(search.configured.parameters.values())
    names = [n for each in configs for n, at in space.part_of_point(each).items() if at is None]
    if names:
        named = ", ".join(dict.fromkeys(names))
        message = f"values of {named} are too far out in their distributions to be tried"
        raise PcsearchError(Problem(message, OPTION))


def _defaults(search: SearchDefinition, notes: list[str]) -> dict[str, Any]:
    """The configuration of the defaults of the file, and of what the trials run."""
    sweep = search.configured
    fixed = [each for each in sweep.by_path() if each.fixed]
    constants = nested((each, each.distribution.ppf(0.5)) for each in fixed)
    known = search.workload.effective_config(constants)
    values, without = default_values(
        [each for each in sweep.by_path() if not each.fixed], known, is_grid=sweep.method == "grid"
    )
    if not values:
        message = "no parameter has a default in its range; write default: VALUE into its entry"
        raise PcsearchError(Problem(message, OPTION))
    if without:
        notes.append(f"without a default in their range: {', '.join(without)}; they are drawn")
    return values


def _whole(search: SearchDefinition, part: Mapping[str, Any]) -> dict[str, Any] | None:
    """The configuration that a part gives with the constants, None where it lacks a parameter."""
    parameters = search.configured.by_path()
    if not all(has_value(part, each) for each in parameters if not each.fixed):
        return None
    return nested(
        (each, each.distribution.ppf(0.5) if each.fixed else value_of(part, each))
        for each in parameters
    )


def _had(search: SearchDefinition, history: History) -> set[str]:
    """The identities of the configurations that trials have had."""
    if history.is_changed:
        return {identity(trial.place) for trial in history.own if trial.place is not None}
    config_of = configs_of(search.configured, search.options)
    trials = history.own if search.replicates is None else history.first_runs
    return {identity(each.config or config_of(each)) for each in trials}
