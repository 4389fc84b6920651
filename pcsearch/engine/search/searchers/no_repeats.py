"""Lets Optuna suggest no configuration twice, as long as there is one that has not run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study, Trial
from optuna.trial import TrialState

from pcsearch.engine.search.sampling.samplers import suggest
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.sweeps.finite import FiniteSpace, Positions

LARGEST_LIST = 20_000
"""The configurations of a larger space are not listed."""
TRIES = 10_000
"""So many configurations of a larger space are drawn that have some given values."""


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
        positions = self._positions(trial)
        if positions is None or (positions in self._used and self.is_exhausted):
            return trial
        if positions in self._used:
            nearest = self._nearest(positions)
            assert nearest is not None, "the search has not had every configuration"
            trial, positions = self._instead(study, trial, nearest), nearest
        self._used.add(positions)
        return trial

    def suggest_with(self, study: Study, part: Mapping[str, Any]) -> Trial | None:
        """The next trial of a study, running, at a point of which a part is given.

        Args:
            study: the search's.
            part: the points of some of the space's parameters.

        Returns:
            The trial; None where the search has had every such configuration.
        """
        study.enqueue_trial(dict(part))
        trial = suggest(study, self._space.distributions)
        positions = self._positions(trial)
        if positions is not None and positions in self._used:
            kept = [i for i, name in enumerate(self._finite.names) if name in part]
            nearest = None if self.is_exhausted else self._nearest(positions, kept)
            if nearest is None:
                study.tell(trial, state=TrialState.FAIL)
                return None
            trial, positions = self._instead(study, trial, nearest), nearest
        if positions is not None:
            self._used.add(positions)
        return trial

    def _positions(self, trial: Trial) -> Positions | None:
        return self._finite.positions(self._space.config(trial.params))

    def _instead(self, study: Study, trial: Trial, positions: Positions) -> Trial:
        """A trial at some positions, in place of another that the study has begun."""
        study.tell(trial, state=TrialState.FAIL)
        point = self._space.point(self._finite.config(positions))
        assert not isinstance(point, str), "it is a configuration of the space"
        study.enqueue_trial(point)
        return suggest(study, self._space.distributions)

    def _nearest(self, positions: Positions, kept: Sequence[int] = ()) -> Positions | None:
        """The nearest positions that were not used, with the same ones for the kept parameters."""
        sizes, finite = np.array(self._finite.sizes), self._finite
        fixed = list(kept)
        if finite.size > LARGEST_LIST:
            for _ in range(TRIES if fixed else sys.maxsize):
                drawn = self._random.integers(sizes)
                drawn[fixed] = np.array(positions)[fixed]
                found = tuple(int(each) for each in drawn)
                if found not in self._used:
                    return found
            return None
        every = np.indices(finite.sizes).reshape(len(sizes), -1).T
        every = every[(every[:, fixed] == np.array(positions)[fixed]).all(axis=1)]
        free = every[[tuple(map(int, each)) not in self._used for each in every]]
        if not len(free):
            return None
        apart = np.abs(free - np.array(positions))
        steps = np.where(finite.is_ordered, apart / np.maximum(sizes - 1, 1), apart > 0)
        distances = steps.sum(axis=1)
        nearest = np.flatnonzero(distances <= distances.min() + 1e-9)
        return tuple(int(each) for each in free[self._random.choice(nearest)])
