"""Predicts each trial's loss at the end of its training from its learning curve so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcsearch.engine.records.outcome import Outcomes, TrialOutcome

Array = NDArray[np.float64]

DECAYS = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5])
"""The exponents b of the power laws: how fast a learning curve falls."""
REFIT_GROWTH = 1.01
FIRST_STEPS, LATER_STEPS = 20, 6
# In units, from the median. Of a trial that blows up, only that it is bad matters.
LEAST_LOSS, GREATEST_LOSS = -1e6, 20.0
FAR = 1e3
# Squares of it are still numbers.
LARGEST = 1e150
LEAST_SCALE, LEAST_DEVIATION = 1e-3, 0.01


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


class _Measure(NamedTuple):
    """A scale for losses: a typical loss is 0, a good one about -1.

    With it no number of a fit is very large or very small.

    Args:
        zero: the median of all losses.
        unit: from there to the loss that one in twenty is below.
    """

    zero: float
    unit: float

    def is_far(self, other: _Measure) -> bool:
        """Whether the other differs so much that nothing fitted in this one is worth keeping."""
        larger, smaller = max(self.unit, other.unit), min(self.unit, other.unit)
        return larger / FAR > smaller or abs(self.zero - other.zero) / FAR > smaller

    def of(self, losses: Array) -> Array:
        """The losses in this measure."""
        return np.clip((losses - self.zero) / self.unit, LEAST_LOSS, GREATEST_LOSS)


class _Population(NamedTuple):
    """The prior of a curve: what all curves of the search have in common."""

    mean: Array  # of c and a, shape (2,)
    covariance: Array  # shape (2, 2)
    noise: float  # a variance
    weights: Array  # of the exponents
    scale: float  # the standard deviation of the trials' newest losses
    measure: _Measure  # of all numbers here

    def in_measure(self, measure: _Measure, scale: float) -> _Population:
        """The same with other units, and with the spread of newer losses."""
        ratio = self.measure.unit / measure.unit
        moved = np.array([(self.measure.zero - measure.zero) / measure.unit, 0.0])
        return self._replace(
            mean=self.mean * ratio + moved,
            covariance=self.covariance * ratio**2,
            noise=self.noise * ratio**2,
            scale=scale,
            measure=measure,
        )


class _Sums(NamedTuple):
    """Sums over the reports of each curve: all that a fit needs to know of them."""

    gram: Array  # shape (trials, exponents, 2, 2)
    moment: Array  # shape (trials, exponents, 2)
    square: Array  # shape (trials,)
    reports: Array  # how many, shape (trials,)


class _Posterior(NamedTuple):
    """What the reports of each trial tell of its power law: a distribution of (c, a) and b."""

    weights: Array  # shape (trials, exponents)
    mean: Array  # shape (trials, exponents, 2)
    covariance: Array  # shape (trials, exponents, 2, 2)


class LearningCurves:
    """Predicts each trial's loss at the end of its training, by a power law with a common prior.

    The loss of a trial after t epochs is ``c + a s(t) + noise`` with
    ``s(t) = (t^-b - T^-b) / (1 - T^-b)``, so that c is the loss after T epochs and a what it still
    loses from the first epoch on. The pair (c, a) has a normal distribution, b has one of seven
    values, and the noise is normal. The mean and the covariance of (c, a), how frequent each b is,
    and the noise are those of all trials together, found by expectation maximisation. A trial's
    prediction is its posterior, averaged over b: with few reports it is near to what trials that
    began like it come to, and with many it follows its own curve.

    Source: a power law with a common prior, as in Swersky, Snoek and Adams, "Freeze-thaw Bayesian
    optimization" (2014), but in closed form.

    Args:
        outcomes: of the search's trials; their first metric is predicted.
        epochs: T, the epochs of the longest trial; None for those of the longest trial so far.
        best_so_far: whether a loss is the least so far, instead of the newest.
    """

    def __init__(
        self, outcomes: Outcomes, epochs: int | None = None, *, best_so_far: bool = False
    ) -> None:
        self._outcomes = outcomes
        self._epochs = epochs
        self._best_so_far = best_so_far
        self._sign = 1.0 if outcomes.metrics[0].mode == "min" else -1.0
        self._population: _Population | None = None
        self._horizon = 2.0
        self._fitted_reports = 0
        self._known = 0
        # Outcomes that may still change, and what their predictions know of them.
        self._open: dict[str, TrialOutcome] = {}
        self._seen: dict[str, tuple[int, bool]] = {}
        self._reporting: list[TrialOutcome] = []
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
        if self._reports >= REFIT_GROWTH * self._fitted_reports or self._population is None:
            self._refit()
            changed = self._reporting
        if changed and self._population is not None:
            self._predict(changed)
        if not self._excluded:
            return self._predictions
        return {
            trial_id: prediction
            for trial_id, prediction in self._predictions.items()
            if trial_id not in self._excluded
        }

    def _changed(self) -> list[TrialOutcome]:
        """The outcomes that have changed since the last call.

        Ended trials are not looked at again: there may be thousands.
        """
        for outcome in islice(self._outcomes, self._known, None):
            self._open[outcome.trial_id] = outcome
            self._known += 1
        changed = []
        for trial_id, outcome in list(self._open.items()):
            reports, ended = self._seen.get(trial_id, (0, False))
            if outcome.failed or outcome.diverged:
                self._excluded.add(trial_id)
            else:
                self._excluded.discard(trial_id)
            if outcome.ended:
                del self._open[trial_id]
            if (outcome.reports, outcome.ended) == (reports, ended) or not outcome.curve:
                continue
            if trial_id not in self._seen:
                self._reporting.append(outcome)
            self._seen[trial_id] = outcome.reports, outcome.ended
            self._reports += outcome.reports - reports
            changed.append(outcome)
        return changed

    def _refit(self) -> None:
        fitted = [each for each in self._reporting if each.trial_id not in self._excluded]
        if not fitted:
            return
        curves = [self._curve(each) for each in fitted]
        self._horizon = max(2.0, self._epochs or max(float(curve[0][-1]) for curve in curves))
        low, middle = np.quantile(np.concatenate([losses for _, losses in curves]), [0.05, 0.5])
        unit = max(middle - low, 1e-6 * abs(middle), np.finfo(float).tiny)
        measure = _Measure(float(middle), float(unit))
        first = measure.of(np.array([losses[0] for _, losses in curves]))
        last = measure.of(np.array([losses[-1] for _, losses in curves]))
        scale = max(float(np.std(last)), LEAST_SCALE)
        if self._population is None or self._population.measure.is_far(measure):
            fall = max(float(np.median(first - last)), scale / 2)
            start = np.array([float(np.median(last)), fall])
            even = np.full(len(DECAYS), 1 / len(DECAYS))
            noise = (0.1 * scale) ** 2
            population = _Population(start, np.eye(2) * scale**2, noise, even, scale, measure)
            steps = FIRST_STEPS
        else:
            population, steps = self._population.in_measure(measure, scale), LATER_STEPS
        sums = self._sums(curves, measure)
        for _ in range(steps):
            population = _improved(population, sums)
        self._population, self._fitted_reports = population, self._reports

    def _predict(self, outcomes: Sequence[TrialOutcome]) -> None:
        population = self._population
        assert population is not None, "the prior is fitted first"
        measure = population.measure
        curves = [self._curve(each) for each in outcomes]
        posterior = _posterior(population, self._sums(curves, measure))
        ends = np.array([self._end(each) for each in outcomes])
        at_end = np.stack([np.ones((len(ends), len(DECAYS))), self._shape(ends)], axis=2)
        means = np.einsum("nbi,nbi->nb", at_end, posterior.mean)
        variances = np.einsum("nbi,nbij,nbj->nb", at_end, posterior.covariance, at_end)
        mean = (posterior.weights * means).sum(axis=1)
        spread = variances + (means - mean[:, None]) ** 2
        # Not zero: curves that are equal must not differ by a rounding.
        deviation = np.sqrt((posterior.weights * spread).sum(axis=1))
        deviation += LEAST_DEVIATION * population.scale
        for i, outcome in enumerate(outcomes):
            epoch = float(curves[i][0][-1])
            self._predictions[outcome.trial_id] = Prediction(
                float(mean[i]) * measure.unit + measure.zero,
                float(deviation[i]) * measure.unit,
                epoch,
            )

    def _end(self, outcome: TrialOutcome) -> float:
        """The epoch at which the trial ends if the scheduler lets it go on."""
        reached = float(outcome.curve[-1][0])
        if outcome.ended and not outcome.was_cut:
            return reached
        return min(self._horizon, max(reached, outcome.epochs or self._horizon))

    def _curve(self, outcome: TrialOutcome) -> tuple[Array, Array]:
        """The epochs and the losses of a trial's reports."""
        epochs, values = np.array(outcome.curve, dtype=float).T
        losses = np.clip(self._sign * values, -LARGEST, LARGEST)
        if self._best_so_far:
            losses = np.minimum.accumulate(losses)
        return np.maximum(epochs, 1.0), losses

    def _shape(self, epochs: Array) -> Array:
        """s(t) for each of the epochs and each exponent, shape (epochs, exponents)."""
        end = self._horizon**-DECAYS
        return np.asarray((epochs[:, None] ** -DECAYS - end) / (1 - end))

    def _sums(self, curves: Sequence[tuple[Array, Array]], measure: _Measure) -> _Sums:
        lengths = np.array([len(epochs) for epochs, _ in curves])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        shape = self._shape(np.concatenate([epochs for epochs, _ in curves]))
        losses = measure.of(np.concatenate([losses for _, losses in curves]))

        def total(values: Array) -> Array:
            return np.asarray(np.add.reduceat(values, starts, axis=0))

        count = lengths.astype(float)
        ones = np.broadcast_to(count[:, None], (len(curves), len(DECAYS)))
        once, twice = total(shape), total(shape**2)
        gram = np.stack([np.stack([ones, once], -1), np.stack([once, twice], -1)], -2)
        level = np.broadcast_to(total(losses)[:, None], once.shape)
        moment = np.stack([level, total(shape * losses[:, None])], -1)
        return _Sums(gram, moment, total(losses**2), count)


def _posterior(population: _Population, sums: _Sums) -> _Posterior:
    """The distribution of each curve's (c, a) and b, given its reports, by Bayes' rule."""
    precision = np.linalg.inv(population.covariance)
    covariance = np.linalg.inv(sums.gram / population.noise + precision)
    evidence = sums.moment / population.noise + precision @ population.mean
    mean = np.einsum("nbij,nbj->nbi", covariance, evidence)
    fit = np.einsum("nbi,nbi->nb", evidence, mean) + np.linalg.slogdet(covariance)[1]
    weights = fit / 2 + np.log(population.weights)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return _Posterior(weights / weights.sum(axis=1, keepdims=True), mean, covariance)


def _improved(population: _Population, sums: _Sums) -> _Population:
    """One step of expectation maximisation.

    A weak prior, as of two curves, keeps the covariance from collapsing where there are few.
    """
    posterior, scale = _posterior(population, sums), population.scale
    trials = len(sums.reports)
    weighted = posterior.weights[..., None] * posterior.mean
    mean = weighted.sum(axis=1).mean(axis=0)
    apart = posterior.mean - mean
    spread = np.einsum("nb,nbij->ij", posterior.weights, posterior.covariance)
    spread += np.einsum("nb,nbi,nbj->ij", posterior.weights, apart, apart)
    covariance = (spread + 0.2 * scale**2 * np.eye(2)) / (trials + 2)
    second = posterior.covariance + posterior.mean[..., :, None] * posterior.mean[..., None, :]
    residual = (
        sums.square[:, None]
        - 2 * np.einsum("nbi,nbi->nb", sums.moment, posterior.mean)
        + np.einsum("nbij,nbij->nb", sums.gram, second)
    )
    noise = ((posterior.weights * residual).sum() + (0.1 * scale) ** 2) / (sums.reports.sum() + 1)
    weights = (posterior.weights.sum(axis=0) + 1) / (trials + len(DECAYS))
    return population._replace(
        mean=mean,
        covariance=covariance,
        noise=max(float(noise), (1e-3 * scale) ** 2),
        weights=weights,
    )
