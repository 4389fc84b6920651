"""Makes the searcher of a sweep's method: grid, random or bayes."""

from __future__ import annotations

from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import Predictor
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
from pcsearch.engine.search.searchers.remaining import Remaining
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.finite import finite_space
from pcsearch.sweeps.sweep import Sweep


def make_searcher(
    sweep: Sweep,
    cap: int | None,
    seed: int,
    sampler: SamplerName = "auto",
    history: History | None = None,
    outcomes: Outcomes | None = None,
    curves: Predictor | None = None,
    *,
    repeats: bool = False,
) -> PlannedSearcher | BayesSearcher:
    """The searcher of a sweep's method.

    Args:
        sweep: the sweep.
        cap: the largest number of trials, None for no bound.
        seed: of random draws and of Optuna's sampler.
        sampler: which of Optuna's samplers suggests the trials of bayes.
        history: of a resumed or warm-started search, None for a new one.
        outcomes: of the search's trials; left out, those of the history.
        curves: predicts what bayes is to see; None where the values of trials are final.
        repeats: whether a configuration may be suggested twice, as in earlier versions.
    """
    history = history or History()
    if outcomes is None:
        outcomes = Outcomes(sweep.metrics, history=history)
    planned = configurations(sweep, seed, repeats=repeats)
    if planned is not None:
        had = [trial.place for trial in history.own if trial.place is not None]
        remaining = Remaining(sweep, planned, had) if history.is_changed else None
        return PlannedSearcher(sweep, planned, cap, history, remaining)
    assert sweep.metrics, "a bayes sweep is read with its metric"
    space = OptunaSpace(sweep.parameters.values())
    finite = None if repeats else finite_space(sweep)
    if len(sweep.metrics) > 1:
        # They predict one of the metrics only.
        curves = None
    return BayesSearcher(space, cap, outcomes, seed, sampler, history, curves, finite)
