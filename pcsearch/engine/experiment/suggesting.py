"""Makes the searcher of a search, for a session and for a plan: both suggest the same."""

from __future__ import annotations

from pcsearch.engine.experiment.definition import SearchDefinition
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import LearningCurves
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
from pcsearch.engine.search.searchers.replicated import ReplicatedSearcher, replicated_searcher


def searcher_of(
    search: SearchDefinition,
    history: History,
    samples: int | None,
    outcomes: Outcomes,
    curves: LearningCurves | None,
) -> PlannedSearcher | BayesSearcher | ReplicatedSearcher:
    """Make the searcher of a search, with the results of the trials in its history.

    Args:
        search: the search.
        history: of it.
        samples: the largest number of trials, without those of --confirm; None for no bound.
        outcomes: of the search's trials.
        curves: predicts their losses; None where no trial is stopped early.
    """
    options, replicates = search.options, search.replicates
    if replicates is None:
        return make_searcher(
            search.sweep,
            samples,
            options.seed,
            options.sampler,
            history,
            outcomes,
            curves,
            repeats=options.repeats,
        )
    assert samples is not None, "a search that runs has a bound"
    return replicated_searcher(
        search.sweep,
        replicates,
        samples,
        options.seed,
        options.sampler,
        outcomes,
        history=history,
        curves=curves,
        fresh=options.confirm or 0,
        runs_all=options.no_racing,
    )
