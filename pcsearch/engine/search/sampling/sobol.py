"""Sobol points as a sampler of Optuna, one for each trial number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class SobolSampler(BaseSampler):
    """Suggests the points of a scrambled Sobol sequence: trial n gets point n // every.

    Only the points without gaps are spread evenly: every fourth point of a sequence lies in one
    and the same quarter of its first two axes.

    They are the points of Optuna's QMCSampler. That one counts its points in the study itself, so
    it would begin anew in the study of a resumed search. It also draws the first point at random.

    Args:
        space: the distributions of all parameters, by name.
        seed: the seed of the scrambling.
        every: how many trials there are for each that gets a point.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], seed: int, every: int = 1) -> None:
        self._space = {name: each for name, each in space.items() if not each.single()}
        self._seed = seed
        self._every = every
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All parameters that have more than one value."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The point that belongs to the number of the trial."""
        if not search_space:
            return {}
        # Here, for scipy.stats takes most of a second to import.
        from scipy.stats.qmc import Sobol

        sequence = Sobol(len(search_space), seed=self._seed, scramble=True)
        if index := trial.number // self._every:
            sequence.fast_forward(index)
        (point,) = sequence.random(1).tolist()
        pairs = zip(search_space.items(), point, strict=True)
        return {name: _value(distribution, share) for (name, distribution), share in pairs}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value: a parameter with one value has no place in the sequence."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _value(distribution: BaseDistribution, share: float) -> Any:
    """The value at a share in [0, 1) of a distribution's range."""
    match distribution:
        case CategoricalDistribution():
            return distribution.choices[int(share * len(distribution.choices))]
        case IntDistribution():
            count = distribution.high - distribution.low + 1
            return distribution.low + int(share * count)
        case FloatDistribution(log=True):
            low, high = math.log(distribution.low), math.log(distribution.high)
            return min(math.exp(low + share * (high - low)), distribution.high)
    floats = cast(FloatDistribution, distribution)
    return floats.low + share * (floats.high - floats.low)
