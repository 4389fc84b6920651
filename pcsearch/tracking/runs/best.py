"""Which model W&B is to keep as the best one of a search, and when."""

from __future__ import annotations

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.tracking.content.configurations import search_summary
from pcsearch.tracking.runs.context import RunContext
from pcsearch.tracking.runs.lifecycle import BestModelFiles, RunEnd


class BestAtWandb:
    """Says at the end of each run whether another model is the best one from now on.

    Where seeds are replicates it is that of the best run of the best configuration. The end of a
    run, also of one without a model, may make another configuration the best, whose runs have
    ended; that run then adds the model of the other.

    Args:
        outcomes: of the trials.
        context: what the runs show of the search.
    """

    def __init__(self, outcomes: Outcomes, context: RunContext) -> None:
        self._outcomes, self._context = outcomes, context
        self._of_trials: dict[str, BestModelFiles] = {}
        self._last: str | None = None

    def after(self, outcome: TrialOutcome, end: RunEnd) -> BestModelFiles | None:
        """The best model from now on, None where that stays as it was.

        Args:
            outcome: of the trial that has ended.
            end: of its run.
        """
        own = None if end.kept is None else BestModelFiles(end.kept, end.summary)
        configurations = self._context.configurations
        if configurations is None:
            return own if outcome is self._outcomes.best else None
        if own is not None:
            self._of_trials[outcome.trial_id] = own
        best = configurations.best()
        run = None if best is None else best.best_run(self._context.metrics)
        kept = None if run is None else self._of_trials.get(run.trial_id)
        if best is None or run is None or kept is None or run.trial_id == self._last:
            return None
        self._last = run.trial_id
        about = {"trial": run.number, **search_summary(best)}
        return BestModelFiles(kept.kept, {**kept.metadata, **about})

    def repeat(self) -> None:
        """Say it once more at the next end: a session that was killed may not have kept it."""
        self._last = None
