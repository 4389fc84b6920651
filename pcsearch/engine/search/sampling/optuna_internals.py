"""The private names of Optuna that this project uses; the only module that does.

They are those of Optuna 5.0. `tests/engine/search/test_optuna_internals.py` names each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, GPSampler
from optuna.trial import FrozenTrial


class BelievingGPSampler(GPSampler):
    """GPSampler with another expected improvement, where it has one objective.

    There is no public way: GPSampler takes no acquisition function, and its Gaussian process can
    be asked for predictions inside a suggestion only.

    Args:
        seed: of its draws.
        independent_sampler: for parameters that cannot be sampled together.
    """

    def __init__(self, seed: int, independent_sampler: BaseSampler) -> None:
        super().__init__(
            seed=seed,
            independent_sampler=independent_sampler,
            n_startup_trials=1,
            warn_independent_sampling=False,
        )
        self.believed: Sequence[FrozenTrial] = ()
        """Running trials that count as if they had measured what is predicted for them."""
        self.noise: np.ndarray | None = None
        """The variance of each ended trial's value, (trials,), in any unit; None: all are equal."""

    def _optimize_acqf(self, acqf: Any, best_params: np.ndarray | None) -> np.ndarray:
        # Here, for Optuna imports torch with it.
        from optuna._gp.acqf import LogEI

        if isinstance(acqf, LogEI):
            if self.noise is not None:
                _spread_noise(acqf._gpr, self.noise)
            acqf, best_params = _believing(acqf, self.believed)
        return super()._optimize_acqf(acqf, best_params)


def _spread_noise(process: Any, variances: np.ndarray) -> None:
    """Give each value its own noise, of which that of the fitted process is the mean."""
    import torch

    fitted = process.noise_var
    process.noise_var = fitted * torch.from_numpy(variances / variances.mean())
    process._cov_Y_Y_chol = process._cov_Y_Y_inv_Y = None
    process._cache_matrix()
    # What is appended, and the next fit, which starts from this one, have one noise.
    process.noise_var = fitted


def _believing(acqf: Any, running: Sequence[FrozenTrial]) -> tuple[Any, np.ndarray]:
    """The expected improvement on the best prediction, and its point, shape (1, dimensions)."""
    import torch
    from optuna._gp.acqf import LogEI

    process, space = acqf._gpr, acqf.search_space
    if running:
        params: list[Mapping[str, Any]] = [trial.params for trial in running]
        points = torch.from_numpy(space.get_normalized_params(list(running), params))
        process.append_running_data(points, process.posterior(points)[0])
    predicted, _ = process.posterior(process._X_all)
    best = int(predicted.argmax())
    improvement = LogEI(gpr=process, search_space=space, threshold=float(predicted[best]))
    return improvement, process._X_all[best : best + 1].numpy()
