"""The versions of a search's sweep file, and what its trials are by the newest of them.

The first version is ``sweep.yaml``; the journal has the others, each in the line of its edit. A
trial keeps the configuration that it was drawn with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pcsearch.engine.experiment.confirmation import is_still_decided
from pcsearch.engine.experiment.definition import LEARNS, SearchDefinition, space_size
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.distributions.locate import close
from pcsearch.sweeps.matching.placing import Placing
from pcsearch.sweeps.parameters import has_value, nested, value_of
from pcsearch.sweeps.sweep import Sweep


def judge_anew(history: History, versions: Sequence[Sweep], search: SearchDefinition) -> None:
    """Leave it to the trials' reports what trials are worth that other metrics have judged.

    Args:
        history: of the search; changed in place.
        versions: of its sweep file, oldest first.
        search: by the newest.
    """
    if _searches(versions[0]) != _searches(versions[-1]):
        # Its results have points of the first file, and values of its metrics.
        history.warm_start = []
    default = search.workload.default_metrics()
    metrics = [version.metrics or default for version in versions]
    for trial in history.trials:
        if trial.end is not None and metrics[trial.judged_after] != metrics[-1]:
            trial.end = replace(trial.end, values=[])
    if history.reached is not None and metrics[history.reached_after] != metrics[-1]:
        history.reached = None
    history.is_decided = history.is_decided and is_still_decided(history, search)


def place_trials(history: History, versions: Sequence[Sweep], search: SearchDefinition) -> None:
    """Find the configuration of each trial, and which one of the newest file it is.

    Of the enqueued configurations those wait no longer that are none of the newest file.

    Args:
        history: of a search that was edited, or has enqueued configurations; changed in place.
        versions: of its sweep file, oldest first.
        search: by the newest.
    """
    config_of = [configs_of(version, search.options) for version in versions]
    newest, point_of, place_of = len(versions) - 1, _points(search.sweep), placed_by(search)
    for trial in history.trials:
        config = trial.config if trial.config is not None else config_of[trial.edits](trial)
        is_new = trial.edits == newest
        trial.config, trial.place = config, config if is_new else place_of(config)
        if point_of is not None and trial.place is not None and not is_new:
            point = point_of(trial.place)
            trial.point, trial.place = (
                (None, None) if isinstance(point, str) else (point, trial.place)
            )
    placing = Placing(search.sweep)
    for number, part in history.waiting.items():
        placed = placing.place_part(part)
        if placed is None:
            history.left_out.add(number)
        else:
            history.enqueued[number] = placed


def _searches(sweep: Sweep) -> tuple[object, ...]:
    """What a sweep searches, and by which metrics."""
    parameters = {name: each.distribution.spec() for name, each in sweep.parameters.items()}
    return parameters, sweep.metrics


def reach(search: SearchDefinition, history: History) -> int | None:
    """How many trials a search can have: those that it has, and a configuration for each other.

    Args:
        search: by its newest sweep file.
        history: of it; where the search was changed, its trials have their places.

    Returns:
        The number; None without an end.
    """
    size = space_size(search.sweep, search.options)
    if size is None or not history.is_changed:
        return size
    had = {identity(trial.place) for trial in history.own if trial.place is not None}
    return len(history.own) + max(0, size - len(had))


def configs_of(sweep: Sweep, options: Options) -> Callable[[TrialHistory], Mapping[str, Any]]:
    """A function from a trial that was drawn from a sweep to the trial's configuration."""
    planned = configurations(sweep, options.seed, repeats=options.repeats)
    if planned is not None:
        return lambda trial: planned.config(trial.number - 1)
    # Optuna takes a while to import.
    from pcsearch.engine.search.sampling.search_space import OptunaSpace

    space = OptunaSpace(sweep.parameters.values())
    return lambda trial: space.config(trial.point or {})


def placed_by(search: SearchDefinition) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """A function from a configuration to the one of a search that it is, None for none.

    What a configuration does not say is the default of what the trials run, where that is known.
    """
    placing, effective = Placing(search.sweep), search.workload.effective_config
    parameters = search.sweep.by_path()

    def place(config: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            whole = effective(config)
            filled = nested(
                (p, value_of(config if has_value(config, p) else whole, p))
                for p in parameters
                if has_value(config, p) or has_value(whole, p)
            )
            if not all(has_value(filled, p) for p in parameters):
                return None
            found = placing.place(filled)
            if isinstance(found, str) or first_difference(whole, effective(found)) is not None:
                return None
        except (PcsearchError, ValueError):
            # The model refuses such a configuration.
            return None
        return found

    return place


def first_difference(one: Any, other: Any, path: Sequence[str] = ()) -> str | None:
    """The dotted name of the first setting in which two configurations differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            if name not in one or name not in other:
                return ".".join((*path, str(name)))
            difference = first_difference(one[name], other[name], (*path, str(name)))
            if difference is not None:
                return difference
        return None
    return None if close(one, other) else ".".join(path)


def _points(sweep: Sweep) -> Callable[[Mapping[str, Any]], dict[str, Any] | str] | None:
    """A function from a configuration to its point, None where the method has no points."""
    if sweep.method not in LEARNS:
        return None
    from pcsearch.engine.search.sampling.search_space import OptunaSpace

    return OptunaSpace(sweep.parameters.values()).point
