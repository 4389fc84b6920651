"""PED-ANOVA (Watanabe et al., 2023): how far the values of the best trials differ from all values.

It gives what Optuna's `PedAnovaImportanceEvaluator` gives. That one is not used: Optuna imports
scikit-learn beside it, which takes longer than to read a search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

MOST_CELLS = 50
"""An axis of numbers is divided into at most so many cells."""
PRIOR = 1.0
"""The weight of what is assumed before any trial, in trials."""
NARROWEST = 0.5 / 1.64
"""The least width of a trial's kernel, in cells: 90 % of it are in the trial's own."""
TINY = 1e-12


@dataclass(frozen=True)
class Cells:
    """The values of one parameter, as the cells of its axis in which they lie.

    Args:
        places: (trials,) whole numbers from 0, the cell of each trial's value.
        count: how many cells there are.
        is_ordered: whether neighbours are similar; those of categories are not.
    """

    places: np.ndarray
    count: int
    is_ordered: bool


def cells_of(values: Sequence[Any], axis: BaseDistribution) -> Cells:
    """The cells of a parameter's values.

    Args:
        values: of the parameter, one of each trial.
        axis: on which they lie, with at least two values.

    Raises:
        TypeError: it is no axis of this project's search spaces.
    """
    match axis:
        case CategoricalDistribution():
            places = np.array([axis.to_internal_repr(value) for value in values], dtype=int)
            return Cells(places, len(axis.choices), is_ordered=False)
        case IntDistribution(low=low, high=high):
            count = min(high - low + 1, MOST_CELLS)
        case FloatDistribution(low=low, high=high):
            count = MOST_CELLS
        case _:
            raise TypeError(axis)
    numbers = np.asarray(values, dtype=float)
    if axis.log:
        numbers, low, high = np.log(numbers), math.log(low), math.log(high)
    places = np.ceil((numbers - low) / ((high - low) / (count - 1)) - 0.5).astype(int)
    return Cells(np.clip(places, 0, count - 1), count, is_ordered=True)


class PedAnova:
    """The importance of parameters for any ranking of the same trials.

    Args:
        parameters: their values, by their names.
    """

    def __init__(self, parameters: Mapping[str, Cells]) -> None:
        self._parameters = parameters
        self._of_all = {name: _density(cells, cells.places) for name, cells in parameters.items()}

    def importances(self, losses: Sequence[float], top: float) -> dict[str, float]:
        """The importance of each parameter; they do not add up to 1.

        Args:
            losses: of the trials, all finite.
            top: which share of the trials, from 0 to 1, counts as the best; equals of the last
                of them count too.
        """
        ordered = np.asarray(losses, dtype=float)
        last = math.ceil(top * len(ordered)) - 1
        is_best = ordered <= np.partition(ordered, last)[last]
        found = {}
        for name, cells in self._parameters.items():
            of_best, of_all = _density(cells, cells.places[is_best]), self._of_all[name]
            divergence = of_all @ (of_best / of_all - 1) ** 2
            found[name] = float(divergence * is_best.mean() ** 2)
        return found


def _density(cells: Cells, places: np.ndarray) -> np.ndarray:
    """A smooth density of places: (cells,), which add up to 1.

    Args:
        cells: of the axis.
        places: some of its places, at least one.
    """
    counts = np.bincount(places, minlength=cells.count)
    centres = np.flatnonzero(counts)
    weights = np.append(counts[centres], PRIOR)
    if cells.is_ordered:
        kernels = _normals(centres, counts[centres], cells.count)
    else:
        kernels = _choices(centres, cells.count)
    return np.asarray(weights / weights.sum() @ kernels + TINY)


def _choices(centres: np.ndarray, count: int) -> np.ndarray:
    """The kernels of categories, (centres + 1, cells): that of the prior is the last."""
    kernels = np.full((len(centres) + 1, count), PRIOR / (len(centres) + 1))
    kernels[np.arange(len(centres)), centres] += 1
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def _normals(centres: np.ndarray, counts: np.ndarray, count: int) -> np.ndarray:
    """The same of numbers: normal distributions that end with the axis, by Scott's rule."""
    total, sums = counts.sum(), np.cumsum(counts)
    mean = centres @ counts / total
    deviation = math.sqrt((centres - mean) ** 2 @ counts / max(1, total - 1))
    first = np.searchsorted(sums, total // 4, side="left")
    third = np.searchsorted(sums, total * 3 // 4, side="right")
    spread = (centres[min(len(centres) - 1, third)] - centres[first]) / 1.34
    width = max(1.059 * min(spread, deviation) * total**-0.2, NARROWEST)
    middles = np.append(centres, (count - 1) / 2)
    widths = np.append(np.full(len(centres), width), count)
    edges = np.arange(count + 1) - 0.5
    below = _normal_cdf((edges - middles[:, None]) / widths[:, None])
    return np.asarray(np.diff(below, axis=1) / (below[:, -1:] - below[:, :1]))


def _normal_cdf(values: np.ndarray) -> np.ndarray:
    """The distribution function of the normal distribution; scipy's takes long to import."""
    errors = [math.erf(value) for value in (values / math.sqrt(2)).ravel().tolist()]
    return (1 + np.array(errors).reshape(values.shape)) / 2
