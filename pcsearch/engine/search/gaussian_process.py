"""Optuna's Gaussian process, believing its predictions of running trials and of noisy results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import GPSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from pcsearch.engine.search.imputation import view

# A suggestion takes up to a third of a second on 200 trials (12 parameters, eight in flight) and
# grows with their cube; with two objectives it takes as long on fewer.
MOST_TRIALS = 200
MOST_TRIALS_OF_SEVERAL = 60
# How near to each other two points are one, as a share of every range.
CLOSE = 1e-4
# How often another point is drawn; where there are few, all may have been suggested.
TRIES = 20


class GaussianProcess(GPSampler):
    """Optuna's GPSampler, quick for any number of trials and sharper with several running.

    - Running trials count as trials that measured what the process predicts for them. Measured
      with eight of them in flight, that finds better points than GPSampler's own average over
      what they may measure (qLogEI), and takes half the time. With several objectives it is
      GPSampler's own (qLogEHVI).
    - What is to be improved on is the best prediction at a measured point, not the best
      measurement, which in noisy results is the luckiest.
    - A point that was suggested before is not suggested again, but a random one.
    - Of more than MOST_TRIALS ended trials it learns from the best, half of that many, and from
      the newest; with several objectives of MOST_TRIALS_OF_SEVERAL.

    Args:
        seed: of its draws.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(
            seed=seed,
            n_startup_trials=1,
            warn_independent_sampling=False,
        )
        self._believed: list[FrozenTrial] = []

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        running = [
            each
            for each in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if search_space.keys() <= each.params.keys()
        ]
        kept = _most_telling(study, ended)
        several = len(study.directions) > 1
        self._believed = [] if several else running
        try:
            seen = view(study, kept + running if several else kept)
            found = super().sample_relative(seen, trial, search_space)
        except (RuntimeError, ValueError):
            # A matrix without a Cholesky factor, as running trials of equal values may give:
            # one random point instead of the end of the search.
            return {}
        finally:
            self._believed = []
        for _ in range(TRIES):
            if not any(_close(found, each.params, search_space) for each in (*ended, *running)):
                break
            found = {
                name: self._independent_sampler.sample_independent(study, trial, name, each)
                for name, each in search_space.items()
            }
        return found

    def _sample_relative_impl(self, *arguments: Any) -> dict[str, Any]:
        # The matrices are small and the trials have the cores: more threads only wait for each
        # other, and a suggestion takes ten times as long.
        with threadpool_limits(1):
            found: dict[str, Any] = super()._sample_relative_impl(*arguments)
        return found

    def _optimize_acqf(self, acqf: Any, best_params: np.ndarray | None) -> np.ndarray:
        # Here, for Optuna imports torch with it.
        from optuna._gp.acqf import LogEI

        if isinstance(acqf, LogEI):
            acqf, best_params = _believing(acqf, self._believed)
        return super()._optimize_acqf(acqf, best_params)


def _believing(acqf: Any, running: list[FrozenTrial]) -> tuple[Any, np.ndarray]:
    """The expected improvement on the best prediction, and the point that has it, (1, dimensions).

    Running trials count as if they had measured what is predicted for them.
    """
    import torch
    from optuna._gp.acqf import LogEI

    process, space = acqf._gpr, acqf.search_space
    if running:
        params: list[Mapping[str, Any]] = [trial.params for trial in running]
        points = torch.from_numpy(space.get_normalized_params(running, params))
        process.append_running_data(points, process.posterior(points)[0])
    predicted, _ = process.posterior(process._X_all)
    best = int(predicted.argmax())
    improvement = LogEI(gpr=process, search_space=space, threshold=float(predicted[best]))
    return improvement, process._X_all[best : best + 1].numpy()


def _close(
    point: Mapping[str, Any], other: Mapping[str, Any], space: Mapping[str, BaseDistribution]
) -> bool:
    """Whether two points are as good as one."""
    return all(
        name in other and _near(value, other[name], space[name]) for name, value in point.items()
    )


def _near(value: Any, other: Any, distribution: BaseDistribution) -> bool:
    if not isinstance(distribution, FloatDistribution):
        return bool(value == other)
    low, high = distribution.low, distribution.high
    if distribution.log:
        low, high, value, other = map(math.log, (low, high, value, other))
    return bool(abs(value - other) <= CLOSE * (high - low))


def _most_telling(study: Study, ended: list[FrozenTrial]) -> list[FrozenTrial]:
    """As many ended trials as there is time for: the best and the newest, in their order."""
    most = MOST_TRIALS if len(study.directions) == 1 else MOST_TRIALS_OF_SEVERAL
    if len(ended) <= most:
        return ended
    signs = [1 if each == StudyDirection.MINIMIZE else -1 for each in study.directions]
    values = np.array([trial.values for trial in ended]) * signs
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (no_worse & ~no_worse.T).sum(axis=0)
    best = set(np.argsort(better, kind="stable")[: most // 2].tolist())
    newest = [i for i in reversed(range(len(ended))) if i not in best]
    kept = best | set(newest[: most - len(best)])
    return [trial for i, trial in enumerate(ended) if i in kept]
