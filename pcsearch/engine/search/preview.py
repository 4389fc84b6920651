"""The configurations that Optuna suggests before any trial has a result."""

from __future__ import annotations

from typing import Any

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.samplers import make_study, suggest
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.sweeps.sweep import Sweep


def first_suggestions(
    sweep: Sweep, cap: int | None, seed: int, sampler: SamplerName, count: int
) -> list[dict[str, Any]]:
    """The first configurations of a search, as if all of them ran at once.

    Args:
        sweep: of method bayes or custom.
        cap: the number of trials that it has at most.
        seed: of the sampler.
        sampler: its name.
        count: the number of configurations.
    """
    space = OptunaSpace(sweep.parameters.values())
    study = make_study(
        sampler, cap=cap, seed=seed, space=space.distributions, metrics=sweep.metrics
    )
    trials = [suggest(study, space.distributions) for _ in range(count)]
    return [space.config(trial.params) for trial in trials]
