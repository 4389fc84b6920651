"""The configurations that Optuna suggests before any trial has a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcsearch.engine.records.journal.events import WarmStartResult
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.sampling.samplers import make_study, suggest
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.searchers.no_repeats import NoRepeats
from pcsearch.engine.search.searchers.resumed_study import rebuilt_trials
from pcsearch.sweeps.finite import finite_space
from pcsearch.sweeps.sweep import Sweep


def first_suggestions(
    sweep: Sweep,
    cap: int | None,
    seed: int,
    sampler: SamplerName,
    count: int,
    warm_start: Sequence[WarmStartResult] = (),
    *,
    stops_early: bool = False,
) -> list[dict[str, Any]]:
    """The first configurations of a search, as if all of them ran at once.

    Args:
        sweep: of method bayes or custom.
        cap: the number of trials that it has at most.
        seed: of the sampler.
        sampler: its name.
        count: the number of configurations.
        warm_start: the results that the search starts from.
        stops_early: whether trials are stopped at rungs, and the sampler sees predicted values.
    """
    space, history = OptunaSpace(sweep.parameters.values()), History(warm_start=list(warm_start))
    study = make_study(
        sampler,
        cap=cap,
        seed=seed,
        space=space.distributions,
        metrics=sweep.metrics,
        trials=rebuilt_trials(history, space.distributions, Outcomes(sweep.metrics)),
        stops_early=stops_early,
    )
    finite = finite_space(sweep)
    if finite is not None:
        no_repeats = NoRepeats(finite, space, (), seed)
        return [space.config(no_repeats.suggest(study).params) for _ in range(count)]
    trials = [suggest(study, space.distributions) for _ in range(count)]
    return [space.config(trial.params) for trial in trials]
