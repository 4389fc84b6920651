"""Lets Optuna suggest no configuration twice, as long as there is one that has not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from optuna import Study, Trial
from optuna.trial import TrialState

from pcsearch.engine.search.samplers import suggest
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.sweeps.finite import FiniteSpace, Positions

LARGEST_LIST = 20_000
"""The configurations of a larger space are not listed."""


class NoRepeats:
    """Suggests points of a finite space, each once.

    Where Optuna suggests a configuration that the search has had, the nearest one is taken that it
    has not had: parameters count alike, whole numbers by their distance, other values as equal or
    not.

    Args:
        finite: the configurations of the sweep.
        space: Optuna's space for the sweep.
        used: the configurations that the search has had.
        seed: chooses among those that are equally near.
    """

    def __init__(
        self,
        finite: FiniteSpace,
        space: OptunaSpace,
        used: Iterable[Mapping[str, Any]],
        seed: int,
    ) -> None:
        self._finite, self._space = finite, space
        self._used: set[Positions] = set()
        self._random = np.random.default_rng(seed)
        for config in used:
            self.add(config)

    def add(self, config: Mapping[str, Any]) -> None:
        """Note that the search has a configuration."""
        positions = self._finite.positions(config)
        if positions is not None:
            self._used.add(positions)

    @property
    def is_exhausted(self) -> bool:
        """Whether the search has had every configuration."""
        return len(self._used) >= self._finite.size

    def suggest(self, study: Study) -> Trial:
        """The next trial of a study, running."""
        trial = suggest(study, self._space.distributions)
        positions = self._finite.positions(self._space.config(trial.params))
        if positions is None or (positions in self._used and self.is_exhausted):
            return trial
        if positions in self._used:
            study.tell(trial, state=TrialState.FAIL)
            positions = self._nearest(positions)
            point = self._space.point(self._finite.config(positions))
            assert not isinstance(point, str), "it is a configuration of the space"
            study.enqueue_trial(point)
            trial = suggest(study, self._space.distributions)
        self._used.add(positions)
        return trial

    def _nearest(self, positions: Positions) -> Positions:
        sizes, finite = np.array(self._finite.sizes), self._finite
        if finite.size > LARGEST_LIST:
            while True:
                drawn = tuple(int(each) for each in self._random.integers(sizes))
                if drawn not in self._used:
                    return drawn
        every = np.indices(finite.sizes).reshape(len(sizes), -1).T
        free = every[[tuple(map(int, each)) not in self._used for each in every]]
        apart = np.abs(free - np.array(positions))
        steps = np.where(finite.is_ordered, apart / np.maximum(sizes - 1, 1), apart > 0)
        distances = steps.sum(axis=1)
        nearest = np.flatnonzero(distances <= distances.min() + 1e-9)
        return tuple(int(each) for each in free[self._random.choice(nearest)])
