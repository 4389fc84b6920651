"""A power law for the learning curve of each trial, with a prior that all trials share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Curve = tuple[Array, Array]
"""The epochs and the losses of a trial's reports, both of shape (reports,)."""

DECAYS = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5])
"""The exponents b of the power laws: how fast a learning curve falls."""
DEGREES = 4.0
"""The degrees of freedom of Student's t: the fewer, the less an unusual curve counts."""
FIRST_STEPS, LATER_STEPS = 20, 6
# In units, from the median. Of a trial that blows up, only that it is bad matters.
LEAST_LOSS, GREATEST_LOSS = -1e6, 20.0
FAR = 1e3
LEAST_SCALE, LEAST_DEVIATION = 1e-3, 0.01


class _Measure(NamedTuple):
    """The zero and the unit in which losses are fitted, so that no number is very large or small.

    They are those of the first and of the newest losses of the trials. Of all reports most would be
    in the flat ends of long curves, and against these every first loss would be out of range.

    Args:
        zero: the median of these losses.
        unit: from there to the loss that one in twenty is below.
    """

    zero: float
    unit: float

    @staticmethod
    def for_losses(losses: Array) -> _Measure:
        """The measure in which these losses are neither large nor small."""
        least, low, middle, high, greatest = np.quantile(losses, [0, 0.05, 0.5, 0.95, 1])
        # Where half of the losses are equal, what the others differ by.
        spreads = (middle - low, high - low, greatest - least, np.finfo(float).tiny)
        unit = next(spread for spread in spreads if spread > 0)
        return _Measure(float(middle), max(float(unit), 1e-6 * abs(float(middle))))

    def is_far(self, other: _Measure) -> bool:
        """Whether the other differs so much that nothing fitted in this one is worth keeping."""
        larger, smaller = max(self.unit, other.unit), min(self.unit, other.unit)
        return larger / FAR > smaller or abs(self.zero - other.zero) / FAR > smaller

    def of(self, losses: Array) -> Array:
        """The losses in this measure."""
        return np.clip((losses - self.zero) / self.unit, LEAST_LOSS, GREATEST_LOSS)


class Sums(NamedTuple):
    """Sums over the reports of each curve, of which a fit needs nothing else.

    With X the rows (1, s(t)) of a trial and y its losses they are X'X, X'y and y'y.
    """

    gram: Array  # shape (trials, exponents, 2, 2)
    moment: Array  # shape (trials, exponents, 2)
    square: Array  # shape (trials,)
    reports: Array  # how many, shape (trials,)


class _Posterior(NamedTuple):
    """What the reports of each trial tell of its power law: a distribution of (c, a) and b."""

    weights: Array  # shape (trials, exponents)
    mean: Array  # shape (trials, exponents, 2)
    covariance: Array  # shape (trials, exponents, 2, 2)


class PowerLaws(NamedTuple):
    """The prior of a curve: what the power laws of all trials have in common.

    The loss of a trial after t epochs is ``c + a s(t) + noise`` with
    ``s(t) = (t^-b - T^-b) / (1 - T^-b)``, so that c is the loss after T epochs and a what it still
    loses from the first epoch on. The pair (c, a) has a normal distribution, b has one of seven
    values, and the noise is normal. `fitted` finds the mean and the covariance of (c, a), how
    frequent each b is, and the noise, by expectation maximisation over all curves. There a whole
    curve has Student's distribution: one that is like no other, because it has jumped very far,
    hardly changes what is common.

    Source: a power law with a common prior, as in Swersky, Snoek and Adams, "Freeze-thaw Bayesian
    optimization" (2014), but in closed form; and the t distribution as a scale mixture, as in
    Lange, Little and Taylor, "Robust statistical modeling using the t distribution" (1989).
    """

    mean: Array  # of c and a, shape (2,)
    covariance: Array  # shape (2, 2)
    noise: float  # a variance
    weights: Array  # of the exponents
    scale: float  # the standard deviation of the trials' newest losses
    measure: _Measure  # of all numbers here
    end: float  # T, in epochs

    def sums(self, curves: Sequence[Curve]) -> Sums:
        """The sums over each curve's reports, in the measure of this prior."""
        lengths = np.array([len(epochs) for epochs, _ in curves])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        shape = self._shape(np.concatenate([epochs for epochs, _ in curves]))
        losses = self.measure.of(np.concatenate([losses for _, losses in curves]))

        def total(values: Array) -> Array:
            return np.asarray(np.add.reduceat(values, starts, axis=0))

        count = lengths.astype(float)
        ones = np.broadcast_to(count[:, None], (len(curves), len(DECAYS)))
        once, twice = total(shape), total(shape**2)
        gram = np.stack([np.stack([ones, once], -1), np.stack([once, twice], -1)], -2)
        level = np.broadcast_to(total(losses)[:, None], once.shape)
        moment = np.stack([level, total(shape * losses[:, None])], -1)
        return Sums(gram, moment, total(losses**2), count)

    def predict(self, sums: Sums, ends: Array) -> tuple[Array, Array]:
        """The loss of each trial at its end: the mean and the standard deviation, each (trials,).

        Args:
            sums: of the trials' curves.
            ends: the epochs of the trials' ends, (trials,).
        """
        posterior = self._posterior(sums)
        at_end = np.stack([np.ones((len(ends), len(DECAYS))), self._shape(ends)], axis=2)
        means = np.einsum("nbi,nbi->nb", at_end, posterior.mean)
        variances = np.einsum("nbi,nbij,nbj->nb", at_end, posterior.covariance, at_end)
        mean = (posterior.weights * means).sum(axis=1)
        spread = variances + (means - mean[:, None]) ** 2
        # Not zero: curves that are equal must not differ by a rounding.
        deviation = np.sqrt((posterior.weights * spread).sum(axis=1))
        deviation += LEAST_DEVIATION * self.scale
        return mean * self.measure.unit + self.measure.zero, deviation * self.measure.unit

    def _shape(self, epochs: Array) -> Array:
        """s(t) for each of the epochs and each exponent, shape (epochs, exponents)."""
        end = self.end**-DECAYS
        return np.asarray((epochs[:, None] ** -DECAYS - end) / (1 - end))

    def _posterior(self, sums: Sums) -> _Posterior:
        """The distribution of each curve's (c, a) and b, given its reports, by Bayes' rule."""
        precision = np.linalg.inv(self.covariance)
        covariance, determinant = _inverse(sums.gram / self.noise + precision)
        evidence = sums.moment / self.noise + precision @ self.mean
        mean = np.einsum("nbij,nbj->nbi", covariance, evidence)
        fit = np.einsum("nbi,nbi->nb", evidence, mean) - np.log(determinant)
        weights = fit / 2 + np.log(self.weights)
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        return _Posterior(weights / weights.sum(axis=1, keepdims=True), mean, covariance)

    def _improved(self, sums: Sums) -> PowerLaws:
        """One step of expectation maximisation.

        A weak prior, as of two curves, keeps the covariance from collapsing where there are few.
        """
        posterior, trials = self._posterior(sums), len(sums.reports)
        weights, means, covariances = posterior
        apart = means - self.mean
        precision = np.linalg.inv(self.covariance)
        distance = np.einsum("nb,nbi,ij,nbj->n", weights, apart, precision, apart, optimize=True)
        residual = sums.square - 2 * np.einsum("nb,nbi,nbi->n", weights, sums.moment, means)
        residual += np.einsum("nb,nbi,nbij,nbj->n", weights, means, sums.gram, means, optimize=True)
        residual = np.maximum(residual, 0.0)
        trust = (DEGREES + sums.reports) / (DEGREES + residual / self.noise + distance)
        trusted = trust[:, None] * weights
        mean = np.einsum("nb,nbi->i", trusted, means) / trust.sum()
        apart = means - mean
        spread = np.einsum("nb,nbij->ij", weights, covariances)
        spread += np.einsum("nb,nbi,nbj->ij", trusted, apart, apart, optimize=True)
        unsure = np.einsum("nb,nbij,nbij->", weights, sums.gram, covariances, optimize=True)
        total = (trust * residual).sum() + unsure + (0.1 * self.scale) ** 2
        return self._replace(
            mean=mean,
            covariance=(spread + 0.2 * self.scale**2 * np.eye(2)) / (trials + 2),
            noise=max(float(total) / (sums.reports.sum() + 1), (1e-3 * self.scale) ** 2),
            weights=(weights.sum(axis=0) + 1) / (trials + len(DECAYS)),
        )


def fitted(curves: Sequence[Curve], end: float, before: PowerLaws | None) -> tuple[PowerLaws, Sums]:
    """The prior of all curves, and the sums over them in its measure.

    Args:
        curves: of the trials, each with a report at least; one trial at least.
        end: T, in epochs, greater than 1.
        before: what was fitted to fewer reports, None at first.
    """
    ends = np.array([(losses[0], losses[-1]) for _, losses in curves])
    measure = _Measure.for_losses(ends.ravel())
    first, last = measure.of(ends).T
    scale = _scale(last)
    if before is None or before.measure.is_far(measure):
        fall = max(float(np.median(first - last)), scale / 2)
        laws = PowerLaws(
            mean=np.array([float(np.median(last)), fall]),
            covariance=np.eye(2) * scale**2,
            noise=(0.1 * scale) ** 2,
            weights=np.full(len(DECAYS), 1 / len(DECAYS)),
            scale=scale,
            measure=measure,
            end=end,
        )
        steps = FIRST_STEPS
    else:
        laws, steps = _moved(before, measure)._replace(scale=scale, end=end), LATER_STEPS
    sums = laws.sums(curves)
    for _ in range(steps):
        laws = laws._improved(sums)
    return laws, sums


def _moved(laws: PowerLaws, measure: _Measure) -> PowerLaws:
    """The same in another measure."""
    ratio = laws.measure.unit / measure.unit
    moved = np.array([(laws.measure.zero - measure.zero) / measure.unit, 0.0])
    return laws._replace(
        mean=laws.mean * ratio + moved,
        covariance=laws.covariance * ratio**2,
        noise=laws.noise * ratio**2,
        measure=measure,
    )


def _scale(losses: Array) -> float:
    """The standard deviation of losses without those that are far from all others."""
    low, high = np.quantile(losses, [0.1, 0.9])
    far = 2 * (high - low)
    return max(float(np.std(np.clip(losses, low - far, high + far))), LEAST_SCALE)


def _inverse(matrices: Array) -> tuple[Array, Array]:
    """The inverses and the determinants of symmetric matrices of two rows, (..., 2, 2)."""
    a, b, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]
    determinant = a * d - b * b
    adjugate = np.stack([np.stack([d, -b], -1), np.stack([-b, a], -1)], -2)
    return adjugate / determinant[..., None, None], determinant
