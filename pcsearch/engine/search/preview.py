"""What Optuna suggests before any trial has a result."""

from __future__ import annotations

import warnings
from typing import Any

import optuna

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.samplers import make_sampler
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.sweeps.sweep import Sweep


def first_suggestions(
    sweep: Sweep, cap: int | None, seed: int, sampler: SamplerName, count: int
) -> list[dict[str, Any]]:
    """The first configurations of a search, as if all of them were under way at once.

    Args:
        sweep: of method bayes or custom.
        cap: how many trials it has at most.
        seed: of the sampler.
        sampler: which.
        count: how many configurations.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = OptunaSpace(sweep.parameters.values())
    made = make_sampler(
        sampler,
        cap=cap,
        seed=seed,
        space=space.distributions,
        objectives=len(sweep.metrics),
    )
    goals = [metric.goal for metric in sweep.metrics]
    study = optuna.create_study(directions=goals, sampler=made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trials = [study.ask(space.distributions) for _ in range(count)]
    return [space.config(trial.params) for trial in trials]
