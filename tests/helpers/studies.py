"""Optuna studies for the tests, and what their samplers suggest."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.sampling.samplers import make_study, suggest
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
MIXED: dict[str, BaseDistribution] = {
    "x": FloatDistribution(-5, 5),
    "y": FloatDistribution(0.001, 10, log=True),
    "n": IntDistribution(0, 9),
    "c": CategoricalDistribution(range(3)),
}
ONE_RANGE: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
CATEGORIES: dict[str, BaseDistribution] = {
    "a": CategoricalDistribution(range(4)),
    "b": CategoricalDistribution(range(2)),
}


def study_of(
    name: SamplerName,
    space: dict[str, BaseDistribution] = MIXED,
    cap: int = 20,
    seed: int = 0,
    **more: Any,
) -> optuna.Study:
    """A study with the sampler of a name; it minimises one metric if nothing else is said."""
    metrics = more.pop("metrics", (LOSS,))
    return make_study(name, cap=cap, seed=seed, space=space, metrics=metrics, **more)


def bowl(point: dict[str, Any]) -> float:
    """A function with its least value at x = 1.7, n = 3, c = 0, a = 0."""
    wide = (point.get("x", 0) - 1.7) ** 2 + (point.get("n", 0) - 3) ** 2 / 4
    return float(wide + point.get("c", 0) + point.get("a", 0))


def points(
    study: optuna.Study, count: int, space: dict[str, BaseDistribution] = MIXED, sign: int = 1
) -> list[dict[str, Any]]:
    """What the study suggests when each result comes before the next suggestion."""
    suggested = []
    for _ in range(count):
        trial = suggest(study, space)
        suggested.append(trial.params)
        study.tell(trial, sign * bowl(trial.params))
    return suggested
