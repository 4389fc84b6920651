"""The private names of Optuna that this project uses; the only module that does.

They are those of Optuna 5.0. ``tests/engine/search/sampling/test_optuna_internals.py`` names each
of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
from optuna.distributions import distribution_to_json
from optuna.samplers import BaseSampler, GPSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial


class BelievingGPSampler(GPSampler):
    """GPSampler with another expected improvement, and values with noise of their own.

    Both where it has one objective. There is no public way: GPSampler takes no acquisition function
    and no noise, and its Gaussian process can be asked for predictions inside a suggestion only.

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
        self._prior_alone = self._log_prior
        self._log_prior = self._with_noise

    def _with_noise(self, process: Any) -> Any:
        """The logarithm of the prior, and of how much likelier the values are with this noise.

        GPSampler adds the likelihood with equal noise to it, and finds the process by the sum.
        """
        prior = self._prior_alone(process)
        if self.noise is None:
            return prior
        equal = process.noise_var
        process.noise_var = equal * _shares(self.noise)
        likelihood = process.marginal_log_likelihood()
        process.noise_var = equal
        return prior + likelihood - process.marginal_log_likelihood()

    def _optimize_acqf(self, acqf: Any, best_params: np.ndarray | None) -> np.ndarray:
        # Here, for Optuna imports torch with it.
        from optuna._gp.acqf import LogEI

        if isinstance(acqf, LogEI):
            if self.noise is not None:
                _spread_noise(acqf._gpr, self.noise)
            acqf, best_params = _believing(acqf, self.believed)
        return super()._optimize_acqf(acqf, best_params)


def _shares(variances: np.ndarray) -> Any:
    """The variances, as shares of their mean."""
    import torch

    return torch.from_numpy(variances / variances.mean())


def _spread_noise(process: Any, variances: np.ndarray) -> None:
    """Give each value its own noise, of which that of the fitted process is the mean."""
    fitted = process.noise_var
    process.noise_var = fitted * _shares(variances)
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


def add_trials(storage: RDBStorage, study: str, trials: Sequence[FrozenTrial]) -> None:
    """Add trials to an empty study of a database, all or none.

    Optuna's own way asks the database twice for each value of a trial: of thousands of trials that
    takes many minutes.

    Args:
        storage: the database.
        study: the name of the study, to which nobody else adds trials meanwhile.
        trials: made by `optuna.trial.create_trial`; their numbers are set by their order.
    """
    # Here, for Optuna imports SQLAlchemy with it.
    from optuna.storages._rdb import models

    study_id = storage.get_study_id_from_name(study)
    table = models.TrialModel.__table__
    beginnings = [
        {
            "study_id": study_id,
            "number": number,
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }
        for number, trial in enumerate(trials)
    ]
    with storage.engine.begin() as connection:
        if not beginnings:
            return
        connection.execute(table.insert(), beginnings)
        numbered = table.select().where(table.c.study_id == study_id)
        ids = {row.number: row.trial_id for row in connection.execute(numbered)}
        # Trials share their distributions, which may list thousands of values.
        axes = {id(axis): axis for trial in trials for axis in trial.distributions.values()}
        texts = {key: distribution_to_json(axis) for key, axis in axes.items()}
        rows: dict[Any, list[dict[str, Any]]] = {}
        for number, trial in enumerate(trials):
            for model, row in _rows(trial, models, texts):
                rows.setdefault(model, []).append({"trial_id": ids[number], **row})
        for model, each in rows.items():
            connection.execute(model.__table__.insert(), each)


def _utc(moment: datetime | None) -> datetime | None:
    """A local time as the database has it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _rows(
    trial: FrozenTrial, models: ModuleType, texts: Mapping[int, str]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What a trial has in the tables beside that of the trials, which `models` describes.

    Args:
        trial: of the study.
        models: Optuna's descriptions of the tables.
        texts: its distributions as JSON, by their `id`.
    """
    for objective, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        row = {"objective": objective, "value": stored, "value_type": kind}
        yield models.TrialValueModel, row
    curve = models.TrialIntermediateValueModel
    for step, value in trial.intermediate_values.items():
        stored, kind = curve.intermediate_value_to_stored_repr(value)
        row = {"step": step, "intermediate_value": stored, "intermediate_value_type": kind}
        yield curve, row
    for name, value in trial.params.items():
        axis = trial.distributions[name]
        row = {"param_name": name, "param_value": axis.to_internal_repr(value)}
        yield models.TrialParamModel, row | {"distribution_json": texts[id(axis)]}
    for key, value in trial.user_attrs.items():
        yield models.TrialUserAttributeModel, {"key": key, "value_json": json.dumps(value)}
