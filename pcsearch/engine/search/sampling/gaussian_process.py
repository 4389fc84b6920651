"""Optuna's Gaussian process sampler, quick with many trials and better with noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from pcsearch.engine.search.sampling.imputation import DEVIATION
from pcsearch.engine.search.sampling.optuna_internals import BelievingGPSampler
from pcsearch.engine.search.sampling.squashing import squashed
from pcsearch.engine.search.sampling.study_view import ViewableStorage

# A suggestion takes up to a third of a second with 200 trials (12 parameters, eight in flight), and
# three seconds with 1,000. With two objectives it takes a third of a second with 60 trials.
MOST_TRIALS = 200
MOST_TRIALS_OF_SEVERAL = 60
# With noise of their own the process is found in two to three times the time.
MOST_PREDICTED = 150
# Two points are the same where they are this close, as a share of every range.
CLOSE = 1e-4
# Optuna lists the whole numbers of a range at each suggestion: 2^53 of them fill any memory. One of
# so many is as good as its neighbours, and the search by gradients finds it sooner.
MOST_LISTED = 10_000
# How often another point is drawn; where there are few points, all may have been suggested.
TRIES = 20


class GaussianProcessSampler(BelievingGPSampler):
    """Optuna's GPSampler with seven changes.

    - A running trial counts as if it had measured what the process predicts for it. GPSampler
      averages over what it may measure (qLogEI). With several objectives it still does (qLogEHVI).
    - The improvement is counted from the best prediction at a measured point, not from the best
      measurement, which in noisy results is the luckiest.
    - Where values are predicted, each has its own noise: a trial of few epochs says less than one
      that has come to its end. The noise that GPSampler finds is their mean.
    - Very bad values are squashed: losses that explode would hide the differences of all others.
    - A point that was suggested before is not suggested again; a random point takes its place.
    - A range of more than MOST_LISTED whole numbers is one of real numbers, which are rounded.
    - Of more than MOST_TRIALS ended trials the process learns from the best, half of that many,
      and from the newest. With several objectives there are MOST_TRIALS_OF_SEVERAL, and where
      values are predicted MOST_PREDICTED.

    Args:
        seed: of its draws.
        storage: of the study.
    """

    def __init__(self, seed: int, storage: ViewableStorage) -> None:
        self._random = RandomSampler(seed=seed)
        super().__init__(seed, self._random)
        self._storage = storage

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        # Before the limit: it is for the libraries that are loaded.
        import torch  # noqa: F401

        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        running = [
            each
            for each in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if search_space.keys() <= each.params.keys()
        ]
        space = {name: _relaxed(each) for name, each in search_space.items()}
        known = most_telling(study, ended)
        telling = squashed(known, study.directions)
        self.noise = noise_of(known, telling)
        shown = telling + self.shown_running(study, running)
        try:
            # The matrices are small and the trials have the cores: more threads only wait for
            # each other, and a suggestion takes three times as long.
            with self._storage.view(study, shown) as view, threadpool_limits(1):
                relaxed = super().sample_relative(view, trial, space)
        except (RuntimeError, ValueError):
            # A matrix has no Cholesky factor, as running trials of equal values may give: one
            # random point instead of the end of the search.
            return {}
        point = {name: _whole(value, search_space[name]) for name, value in relaxed.items()}
        for _ in range(TRIES):
            if not any(_same(point, each.params, space) for each in (*ended, *running)):
                break
            point = {
                name: self._random.sample_independent(study, trial, name, each)
                for name, each in search_space.items()
            }
        return point

    def shown_running(self, study: Study, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """The running trials that GPSampler is to see as such; the others are believed."""
        several = len(study.directions) > 1
        self.believed = [] if several else running
        return running if several else []


def most_telling(study: Study, ended: list[FrozenTrial]) -> list[FrozenTrial]:
    """As many ended trials as there is time for: the best and the newest, in their order."""
    most = MOST_TRIALS_OF_SEVERAL
    if len(study.directions) == 1:
        is_predicted = any(DEVIATION in trial.user_attrs for trial in ended)
        most = MOST_PREDICTED if is_predicted else MOST_TRIALS
    if len(ended) <= most:
        return ended
    signs = [1 if each == StudyDirection.MINIMIZE else -1 for each in study.directions]
    values = np.array([trial.values for trial in ended]) * signs
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (no_worse & ~no_worse.T).sum(axis=0)
    best = set(np.argsort(better, kind="stable")[: most // 2].tolist())
    newest = [i for i in reversed(range(len(ended))) if i not in best]
    chosen = best | set(newest[: most - len(best)])
    return [trial for i, trial in enumerate(ended) if i in chosen]


def noise_of(ended: Sequence[FrozenTrial], shown: Sequence[FrozenTrial]) -> np.ndarray | None:
    """The variances of the trials' values, (trials,); None where no value is a prediction.

    What was measured is as sure as the surest prediction. What is imputed is as sure as most.

    Args:
        ended: the trials as they are: a prediction is not surer for being squashed.
        shown: the same as the process sees them.
    """
    known = [trial.user_attrs[DEVIATION] for trial in ended if trial.user_attrs.get(DEVIATION)]
    if not known:
        return None
    typical, surest = float(np.median(known)), min(known)
    deviations = [trial.user_attrs.get(DEVIATION) for trial in shown]
    exact = [typical if each is None else max(each, surest) for each in deviations]
    return np.array(exact) ** 2


def _relaxed(distribution: BaseDistribution) -> BaseDistribution:
    """A distribution that Optuna does not list."""
    if not isinstance(distribution, IntDistribution):
        return distribution
    low, high = distribution.low, distribution.high
    return distribution if high - low < MOST_LISTED else FloatDistribution(low, high)


def _whole(value: Any, distribution: BaseDistribution) -> Any:
    """The value of a distribution that is nearest to one of the relaxed distribution."""
    return round(value) if isinstance(distribution, IntDistribution) else value


def _same(
    point: Mapping[str, Any], other: Mapping[str, Any], space: Mapping[str, BaseDistribution]
) -> bool:
    """Whether two points are the same, or too close to each other to measure both."""
    return all(
        name in other and _close(value, other[name], space[name]) for name, value in point.items()
    )


def _close(value: Any, other: Any, distribution: BaseDistribution) -> bool:
    if not isinstance(distribution, FloatDistribution):
        return bool(value == other)
    low, high = distribution.low, distribution.high
    if distribution.log:
        low, high, value, other = map(math.log, (low, high, value, other))
    return bool(abs(value - other) <= CLOSE * (high - low))
