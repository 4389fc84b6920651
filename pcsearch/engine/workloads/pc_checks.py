"""Checks a sweep against the model: its parameters, their combinations and the metric."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc import metrics
from pcsearch.pc.config import CONFLICTING_FIELDS, PRESET_KEY, ModelConfig
from pcsearch.pc.config_values import check_value, model_config, unknown_field
from pcsearch.pc.presets import PRESETS
from pcsearch.sweeps.distributions.base import EXTREMES, Distribution
from pcsearch.sweeps.distributions.continuous import Beta
from pcsearch.sweeps.distributions.discrete import Categorical, Constant, WeightedCategorical
from pcsearch.sweeps.messages import bare, suggestion
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

COMBINATIONS_CHECKED = 20_000
CONFLICTS_SHOWN = 5
FOREIGN_SHOWN = 4
# More than any model has: it bounds the numbers of vodes in the names of metrics.
MOST_BLOCKS = 1000


def check(sweep: Sweep) -> None:
    """Check a sweep against the model.

    Raises:
        PcsearchError: all unknown parameters, values of the wrong type or range, combinations that
            cannot work together, and a metric that no run reports. Or this alone: that the file is
            not one for the model.
    """
    other_program = _of_another_program(sweep)
    if other_program is not None:
        raise PcsearchError(other_program)
    problems = list(parameter_problems(sweep.parameters.values()))
    if not problems:
        problems = [*_combination_problems(sweep), *_metric_problems(sweep)]
    elif sweep.metric is not None and sweep.metric.name not in metrics.names(MOST_BLOCKS):
        # The parameters are wrong, but a metric that no model reports is wrong in any case.
        problems += _metric_problems(replace(sweep, parameters={}))
    if problems:
        raise PcsearchError(problems)


def check_device(sweep: Sweep, gpus_per_trial: float) -> None:
    """Check the ``device`` of a sweep against the GPUs that each of its trials gets.

    Raises:
        PcsearchError: a trial would ask for a GPU and get none.
    """
    parameter = sweep.parameters.get("device")
    values = [] if parameter is None else _telling_values(parameter.distribution)
    wanted = [value for value in values if str(value).startswith("cuda")]
    if parameter is not None and wanted and not gpus_per_trial:
        message = f"{wanted[0]}: a trial gets no GPU; set device: auto, or --gpus-per-trial"
        raise PcsearchError(Problem(message, parameter.where, "parameters.device"))


def largest(sweep: Sweep, field: str) -> int:
    """The largest value of a whole-number field of the model in a checked sweep."""
    parameter = sweep.parameters.get(field)
    if parameter is not None:
        return max(int(value) for value in _telling_values(parameter.distribution))
    default = int(ModelConfig.model_fields[field].default)
    presets = sweep.parameters.get(PRESET_KEY)
    names = () if presets is None else _telling_values(presets.distribution)
    return max((int(PRESETS[name].get(field, default)) for name in names), default=default)


def combinations(sweep: Sweep, fields: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The values of trials: all combinations of ``fields``, with the medians of other parameters.

    There are at most COMBINATIONS_CHECKED. Where there would be more, the longest ranges are
    reduced to their ends and median, as continuous ranges always are.
    """
    varied = [p for p in sweep.parameters.values() if p.name in set(fields)]
    fixed = {p.name: p.distribution.ppf(0.5) for p in sweep.parameters.values() if p not in varied}
    grids = {p.name: _possible_values(p.distribution) for p in varied}
    categories = (Categorical, WeightedCategorical)
    ranges = [p for p in varied if not isinstance(p.distribution, categories)]
    ranges.sort(key=lambda p: len(grids[p.name]))
    while ranges and math.prod(map(len, grids.values())) > COMBINATIONS_CHECKED:
        longest = ranges.pop()
        grids[longest.name] = list(_telling_values(longest.distribution))
    for values in itertools.islice(itertools.product(*grids.values()), COMBINATIONS_CHECKED):
        yield fixed | {p.name: value for p, value in zip(varied, values, strict=True)}


def _of_another_program(sweep: Sweep) -> Problem | None:
    """The problem that half of a sweep's parameters or more are not the model's.

    Then the file is not for the model, and the nearest names of the model's parameters would not
    help. A single name may be a mistake.
    """
    foreign = [each.name for each in sweep.parameters.values() if not _is_of_the_model(each)]
    if len(foreign) < max(2, len(sweep.parameters) / 2):
        return None
    named = ", ".join(map(bare, foreign[:FOREIGN_SHOWN]))
    more = len(foreign) - FOREIGN_SHOWN
    return Problem(
        f"{named}{f' and {more} more' if more > 0 else ''} are no parameters of the PC transformer "
        "(docs/parameters.md lists those); for a training script of yours, name it in the file "
        "(program: FILE) or give --trainable MODULE:FUNCTION",
        sweep.source,
        "parameters",
    )


def _is_of_the_model(parameter: Parameter) -> bool:
    """Whether the model has a parameter of that name, nested or not."""
    return parameter.path[-1] in ModelConfig.model_fields or parameter.name == PRESET_KEY


def parameter_problems(parameters: Iterable[Parameter]) -> Iterator[Problem]:
    """The problems of single parameters: unknown fields, and values of the wrong type or range."""
    for parameter in parameters:
        key = f"parameters.{parameter.name}"
        if len(parameter.path) > 1 and parameter.path[-1] in ModelConfig.model_fields:
            advice = f"write {parameter.path[-1]} at the top"
            yield Problem(f"the model's parameters are not nested; {advice}", parameter.where, key)
            continue
        if parameter.name not in ModelConfig.model_fields and parameter.name != PRESET_KEY:
            yield Problem(unknown_field(parameter.name), parameter.where, key)
            continue
        for value in _telling_values(parameter.distribution):
            message = check_value(parameter.name, value)
            if message is not None:
                yield Problem(message, parameter.where, key)
                break


def _telling_values(distribution: Distribution) -> Iterable[Any]:
    """Values that pass the model's checks only if all values of the distribution pass."""
    if isinstance(distribution, Constant):
        return [distribution.value]
    if isinstance(distribution, Categorical | WeightedCategorical):
        return distribution.values
    # A beta distribution never draws its ends.
    bounds = None if isinstance(distribution, Beta) else distribution.bounds()
    ends = bounds if bounds is not None else map(distribution.ppf, EXTREMES)
    return [*ends, distribution.ppf(0.5)]


def _combination_problems(sweep: Sweep) -> Iterator[Problem]:
    """The conflicts between the values of fields."""
    conflicts: dict[str, Problem] = {}
    for chosen in combinations(sweep, CONFLICTING_FIELDS):
        try:
            model_config(chosen)
        except PcsearchError as error:
            for problem in error.problems:
                conflicts.setdefault(str(problem), problem)
    for problem in itertools.islice(conflicts.values(), CONFLICTS_SHOWN):
        parameter = sweep.parameters.get(problem.key)
        where = parameter.where if parameter is not None else sweep.source
        yield Problem(problem.message, where, f"parameters.{problem.key}")
    if len(conflicts) > CONFLICTS_SHOWN:
        yield Problem(
            f"and {len(conflicts) - CONFLICTS_SHOWN} more conflicts like these", sweep.source
        )


def _possible_values(distribution: Distribution) -> list[Any]:
    """The values of the grid, up to the first that is too many; without a grid, telling values."""
    grid = distribution.grid()
    if grid is not None:
        return list(itertools.islice(grid, COMBINATIONS_CHECKED + 1))
    return list(_telling_values(distribution))


def _metric_problems(sweep: Sweep) -> Iterator[Problem]:
    if sweep.metric is None:
        return
    name = sweep.metric.name
    known = list(metrics.names(largest(sweep, "num_blocks")))
    if name not in known:
        hint = suggestion(name, known) or f"; it reports {', '.join(known[:12])} and more"
        yield Problem(f"the model reports no number {name!r}{hint}", sweep.metric.where, "metric")
    elif metrics.needs_corruption(name) and not _always(sweep, "use_corruption", True):
        yield Problem(
            f"{name} exists only where part of the image is hidden; set use_corruption: true",
            sweep.metric.where,
            "metric",
        )
    elif metrics.source(name) == "probe" and not _always(sweep, "target_class", None):
        yield Problem(
            f"{name} tells classes apart, and with target_class there is one; remove either",
            sweep.metric.where,
            "metric",
        )


def _always(sweep: Sweep, field: str, value: Any) -> bool:
    parameter = sweep.parameters.get(field)
    if parameter is None:
        return bool(ModelConfig.model_fields[field].default == value)
    return all(each == value for each in _telling_values(parameter.distribution))
