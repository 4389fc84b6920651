"""Predicts each trial's loss at the end of its training from its learning curve so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.power_laws import Curve, PowerLaws, Sums, fitted
from pcsearch.sweeps.sweep import Sweep

REFIT_GROWTH = 1.01
# Squares of it are still numbers.
LARGEST = 1e150


class Prediction(NamedTuple):
    """The predicted loss of a trial at the end of its training.

    Args:
        mean: the expected loss.
        deviation: the standard deviation of the loss.
        epoch: of the trial's newest report.
    """

    mean: float
    deviation: float
    epoch: float


class Predictor(Protocol):
    """Predicts what the searcher of bayes sees instead of values.

    Args:
        stops_early: whether trials are stopped early, so that early reports may mislead.
    """

    stops_early: bool

    def predictions(self) -> Mapping[str, Prediction]:
        """The predicted losses by the ids of the trials that were suggested."""


def learning_curves(
    sweep: Sweep, max_epochs: int | None, outcomes: Outcomes
) -> LearningCurves | None:
    """The learning curves of a search; None where no trial is stopped early.

    Args:
        sweep: the sweep.
        max_epochs: the epochs of its longest trial, None where they are not known.
        outcomes: of the search's trials.
    """
    hyperband = sweep.early_terminate
    if hyperband is None or not hyperband.rungs(max_epochs):
        return None
    return LearningCurves(outcomes, max_epochs, best_so_far=not hyperband.strict)


class LearningCurves:
    """Predicts each trial's loss at the end of its training, by a power law with a common prior.

    A trial's prediction is the posterior of its `PowerLaws`, averaged over the exponents: with few
    reports it is near to what trials that began like it come to, and with many it follows its own
    curve.

    Args:
        outcomes: of the search's trials; the metric of their curves is predicted.
        epochs: T, the epochs of the longest trial; None for those of the longest trial so far.
        best_so_far: whether a loss is the least so far, instead of the newest.
    """

    def __init__(
        self, outcomes: Outcomes, epochs: int | None = None, *, best_so_far: bool = False
    ) -> None:
        self._outcomes = outcomes
        self.epochs = epochs
        """T, the epochs of the longest trial; None where they are not known."""
        self.stops_early = True
        self._best_so_far = best_so_far
        self._sign = outcomes.metrics[outcomes.compared_by].sign
        self._laws: PowerLaws | None = None
        self._fitted_reports = 0
        self._known = 0
        # Outcomes that may still change, and what their predictions know of them.
        self._open: dict[str, TrialOutcome] = {}
        self._seen: dict[str, tuple[int, bool]] = {}
        # Of all trials with a report.
        self._reporting: dict[str, TrialOutcome] = {}
        self._curves: dict[str, Curve] = {}
        self._reports = 0
        self._predictions: dict[str, Prediction] = {}
        # The trials that have failed or diverged: their good beginnings must stop no other trial.
        self._excluded: set[str] = set()

    def predictions(self) -> Mapping[str, Prediction]:
        """The predictions by the trials' ids.

        Trials without a report have none, nor have those that have failed or diverged.

        The common prior is computed anew when the reports have become 1 % more, in some
        milliseconds; the prediction of a trial changes with each of its reports.
        """
        changed = self._changed()
        if self._reports >= REFIT_GROWTH * self._fitted_reports or self._laws is None:
            self._refit()
        elif changed:
            sums = self._laws.sums([self._curves[each] for each in changed])
            self._predict(self._laws, changed, sums)
        if not self._excluded:
            return self._predictions
        return {
            trial_id: prediction
            for trial_id, prediction in self._predictions.items()
            if trial_id not in self._excluded
        }

    def _changed(self) -> list[str]:
        """The ids of the trials whose curves have changed since the last call.

        Ended trials are not looked at again: there may be thousands.
        """
        for outcome in islice(self._outcomes, self._known, None):
            self._open[outcome.trial_id] = outcome
            self._known += 1
        changed = []
        for trial_id, outcome in list(self._open.items()):
            changes, ended = self._seen.get(trial_id, (0, False))
            if outcome.failed or outcome.diverged:
                self._excluded.add(trial_id)
            else:
                self._excluded.discard(trial_id)
            if outcome.ended:
                del self._open[trial_id]
            if (outcome.changes, outcome.ended) == (changes, ended) or not outcome.curve:
                continue
            self._reporting[trial_id] = outcome
            self._curves[trial_id] = self._curve(outcome)
            self._seen[trial_id] = outcome.changes, outcome.ended
            self._reports += outcome.changes - changes
            changed.append(trial_id)
        return changed

    def _refit(self) -> None:
        """Fit the common prior, and predict every trial with it."""
        trials = [each for each in self._reporting if each not in self._excluded]
        if not trials:
            return
        curves = [self._curves[each] for each in trials]
        end = float(self.epochs or max(epochs[-1] for epochs, _ in curves))
        self._laws, sums = fitted(curves, max(2.0, end), self._laws)
        self._fitted_reports = self._reports
        self._predict(self._laws, trials, sums)

    def _predict(self, laws: PowerLaws, trials: Sequence[str], sums: Sums) -> None:
        ends = np.array([_end(self._reporting[each], laws.end) for each in trials])
        for trial_id, mean, deviation in zip(trials, *laws.predict(sums, ends), strict=True):
            epoch = float(self._curves[trial_id][0][-1])
            self._predictions[trial_id] = Prediction(float(mean), float(deviation), epoch)

    def _curve(self, outcome: TrialOutcome) -> Curve:
        epochs, values = np.array(outcome.curve, dtype=float).T
        losses = np.clip(self._sign * values, -LARGEST, LARGEST)
        if self._best_so_far:
            losses = np.minimum.accumulate(losses)
        return np.maximum(epochs, 1.0), losses


def _end(outcome: TrialOutcome, longest: float) -> float:
    """The epoch at which a trial ends if the scheduler lets it go on.

    Args:
        outcome: of the trial.
        longest: the end of the longest trial.
    """
    reached = float(outcome.curve[-1][0])
    if outcome.ended and not outcome.was_cut:
        return reached
    return min(longest, max(reached, outcome.epochs or longest))
