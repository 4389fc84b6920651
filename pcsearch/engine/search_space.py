"""The sweep's parameters as the model and the searchers understand them.

`check` holds every parameter to ModelConfig before anything starts; `OptunaSpace` is the one place
that says a sweep's distributions to Optuna.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import optuna

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc import metrics
from pcsearch.pc.config import (
    CONFLICTING_FIELDS,
    PRESET_KEY,
    ModelConfig,
    check_value,
    model_config,
    suggestion,
    unknown_field,
)
from pcsearch.sweeps.distributions import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogUniformValues,
    Normal,
    QUniform,
    Uniform,
)
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

COMBINATIONS_CHECKED = 10_000
CONFLICTS_SHOWN = 5
# Quantiles that stand for "any draw" of a distribution without bounds.
EXTREMES = (1e-9, 1 - 1e-9)


def check(sweep: Sweep) -> None:
    """Hold a sweep to the model.

    Raises:
        PcsearchError: parameters that the model does not have, values of the wrong type or range,
            combinations that cannot work together, or a metric that no run reports; every one.
    """
    problems = list(_parameter_problems(sweep.parameters.values()))
    if not problems:
        problems = list(_combination_problems(sweep))
    problems += _metric_problems(sweep)
    if problems:
        raise PcsearchError(problems)


def _parameter_problems(parameters: Iterable[Parameter]) -> Iterator[Problem]:
    for parameter in parameters:
        key = f"parameters.{parameter.name}"
        if parameter.name not in ModelConfig.model_fields and parameter.name != PRESET_KEY:
            yield Problem(unknown_field(parameter.name), parameter.where, key)
            continue
        for value in _telling_values(parameter.distribution):
            message = check_value(parameter.name, value)
            if message is not None:
                yield Problem(message, parameter.where, key)
                break


def _telling_values(distribution: Distribution) -> Iterable[Any]:
    """Values that pass the model's checks only if every value of the distribution does."""
    if isinstance(distribution, Constant | Categorical):
        grid = distribution.grid()
        assert grid is not None, "constants and categories are finite"
        return grid
    bounds = distribution.bounds()
    ends = bounds if bounds is not None else map(distribution.ppf, EXTREMES)
    return [*ends, distribution.ppf(0.5)]


def _combination_problems(sweep: Sweep) -> Iterator[Problem]:
    """Conflicts between fields, over the values of those fields that can be in conflict."""
    relevant = [p for p in sweep.parameters.values() if p.name in CONFLICTING_FIELDS]
    others = {
        p.name: p.distribution.ppf(0.5)
        for p in sweep.parameters.values()
        if p.name not in CONFLICTING_FIELDS
    }
    grids = [list(_possible_values(p.distribution)) for p in relevant]
    count = math.prod(len(grid) for grid in grids)
    found: dict[str, Problem] = {}
    for values in itertools.islice(itertools.product(*grids), COMBINATIONS_CHECKED):
        chosen = {p.name: value for p, value in zip(relevant, values, strict=True)}
        try:
            model_config(others | chosen)
        except PcsearchError as error:
            for problem in error.problems:
                found.setdefault(f"{problem.key} {problem.message}", problem)
    for problem in itertools.islice(found.values(), CONFLICTS_SHOWN):
        named = sweep.parameters.get(problem.key)
        where = named.where if named is not None else sweep.source
        yield Problem(problem.message, where, f"parameters.{problem.key}")
    if len(found) > CONFLICTS_SHOWN:
        yield Problem(
            f"{len(found) - CONFLICTS_SHOWN} more conflicts among {count} combinations",
            sweep.source,
        )


def _possible_values(distribution: Distribution) -> Iterable[Any]:
    grid = distribution.grid()
    if grid is not None:
        return itertools.islice(grid, COMBINATIONS_CHECKED)
    return _telling_values(distribution)


def largest(sweep: Sweep, field: str) -> int:
    """The largest value that a whole-number field of the model takes in any trial."""

    def given(preset: str | None) -> int:
        values = {} if preset is None else {PRESET_KEY: preset}
        return int(getattr(ModelConfig(**_preset_values(values)), field))

    parameter = sweep.parameters.get(field)
    if parameter is not None:
        return max(int(value) for value in _telling_values(parameter.distribution))
    presets = sweep.parameters.get(PRESET_KEY)
    if presets is None:
        return given(None)
    return max(given(preset) for preset in _telling_values(presets.distribution))


def _preset_values(values: dict[str, Any]) -> dict[str, Any]:
    from pcsearch.pc.presets import PRESETS

    return PRESETS.get(values.get(PRESET_KEY, ""), {})


def _metric_problems(sweep: Sweep) -> Iterator[Problem]:
    if sweep.metric is None:
        return
    name = sweep.metric.name
    known = list(metrics.names(largest(sweep, "num_blocks"))) if _sound(sweep) else []
    if name == metrics.EARLY_STOP_REASON or (known and name not in known):
        hint = suggestion(name, known) or f"; it reports {', '.join(known[:12])} and more"
        yield Problem(f"the model reports no number {name!r}{hint}", sweep.metric.where, "metric")
    elif metrics.needs_corruption(name) and not _always(sweep, "use_corruption", True):
        yield Problem(
            f"{name} exists only where part of the image is hidden; set use_corruption: true",
            sweep.metric.where,
            "metric",
        )


def _sound(sweep: Sweep) -> bool:
    return not list(_parameter_problems(sweep.parameters.values()))


def _always(sweep: Sweep, field: str, value: Any) -> bool:
    parameter = sweep.parameters.get(field)
    if parameter is None:
        return bool(ModelConfig.model_fields[field].default == value)
    return all(each == value for each in _telling_values(parameter.distribution))


@dataclass(frozen=True)
class OptunaSpace:
    """A sweep's parameters as Optuna's define-by-run space: called with a trial, gives a config.

    Distributions that Optuna has are passed on as they are. The others are searched as a uniform
    quantile that ``ppf`` turns into the value, so that Optuna's prior is the declared one;
    categories are searched by their number, so that they may be any value.
    """

    parameters: tuple[Parameter, ...]

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """The configuration of one trial."""
        return {p.name: _suggest(trial, p.name, p.distribution) for p in self.parameters}


def _suggest(trial: optuna.Trial, name: str, distribution: Distribution) -> Any:
    match distribution:
        case Constant():
            return distribution.value
        case Categorical():
            grid = distribution.grid()
            assert grid is not None, "categories are finite"
            return grid[trial.suggest_categorical(name, list(range(len(grid))))]
        case IntUniform():
            return trial.suggest_int(name, distribution.min, distribution.max)
        case Uniform():
            return trial.suggest_float(name, distribution.min, distribution.max)
        case LogUniformValues():
            return trial.suggest_float(name, distribution.min, distribution.max, log=True)
        case QUniform() | Normal():
            return distribution.ppf(trial.suggest_float(name, *EXTREMES))
    raise AssertionError(f"no way to say {type(distribution).__name__} to Optuna")
