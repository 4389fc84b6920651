"""Optuna still has each private name that the project uses, and they mean what they did.

When an upgrade of Optuna breaks something, it breaks here first.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna._gp.acqf import LogEI
from optuna._gp.gp import GPRegressor
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import GPSampler, RandomSampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from studies import ONE_RANGE

from pcsearch.engine.search.sampling.optuna_internals import BelievingGPSampler, add_trials
from pcsearch.engine.search.sampling.study_view import quiet_optuna

pytestmark = pytest.mark.oldest


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_names_are_there_and_take_what_they_are_given() -> None:
    assert parameters(GPSampler._optimize_acqf) == ["self", "acqf", "best_params"]
    assert parameters(LogEI)[:3] == ["gpr", "search_space", "threshold"]
    assert parameters(GPRegressor.append_running_data) == ["self", "X_running", "y_running"]
    assert parameters(GPRegressor.posterior)[:2] == ["self", "x"]
    assert parameters(GPRegressor._cache_matrix) == ["self"]
    assert parameters(GPRegressor.marginal_log_likelihood) == ["self"]
    assert callable(GPSampler()._log_prior)


class Noting(BelievingGPSampler):
    """Notes the acquisition functions that it optimises, and from where it starts."""

    def __init__(self) -> None:
        super().__init__(0, RandomSampler(seed=0))
        self.noted: list[tuple[Any, Any]] = []


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    sampler = Noting()
    real = GPSampler._optimize_acqf

    def optimize(self: Any, acqf: Any, best_params: Any) -> Any:
        sampler.noted.append((acqf, best_params))
        return real(self, acqf, best_params)

    monkeypatch.setattr(GPSampler, "_optimize_acqf", optimize)
    return sampler


THREE = {0.1: 0.1225, 0.4: 0.0025, 0.8: 0.1225}
"""The values of ended trials by their points."""


def ask(
    sampler: Noting,
    running: tuple[float, ...] = (),
    noise: Sequence[float] | None = None,
    ended: Mapping[float, float] = THREE,
) -> tuple[Any, Any]:
    """What is optimised for a suggestion on ended trials."""
    sampler.noise = None if noise is None else np.array(noise)
    with quiet_optuna():
        study = optuna.create_study(sampler=sampler)
        for x, value in ended.items():
            study.add_trial(create_trial(params={"x": x}, distributions=ONE_RANGE, value=value))
        sampler.believed = [
            create_trial(params={"x": x}, distributions=ONE_RANGE, state=TrialState.RUNNING)
            for x in running
        ]
        study.ask(ONE_RANGE)
    (noted,) = sampler.noted
    return noted


@pytest.mark.parametrize("running", [(), (0.2, 0.6)])
def test_the_improvement_is_on_the_best_prediction_at_a_point(
    noting: Noting, running: tuple[float, ...]
) -> None:
    acqf, start = ask(noting, running)
    assert type(acqf) is LogEI
    points = acqf._gpr._X_all.numpy()
    assert points.tolist() == [[0.1], [0.4], [0.8], *([x] for x in running)]
    predicted = acqf._gpr.posterior(acqf._gpr._X_all)[0].numpy()
    assert acqf._threshold == pytest.approx(predicted.max())
    assert np.array_equal(start, points[[predicted.argmax()]])


def posterior(acqf: Any) -> tuple[Any, Any]:
    """The means and variances at the three trials."""
    return acqf._gpr.posterior(acqf._gpr._X_train)


def test_equal_noise_is_that_of_the_fitted_process(noting: Noting) -> None:
    acqf, _ = ask(noting)
    noting.noted.clear()
    equal, _ = ask(noting, noise=[4.0, 4.0, 4.0])
    for one, other in zip(posterior(acqf), posterior(equal), strict=True):
        assert one.numpy() == pytest.approx(other.numpy(), rel=1e-3)


def test_the_process_is_the_likeliest_with_the_noise_of_each_value(noting: Noting) -> None:
    # A parabola with two values that are far off, of which it is known that they may be.
    ended = {x / 10: (x / 10 - 0.45) ** 2 for x in range(1, 9)} | {0.33: 1.0, 0.66: -1.0}
    noise = np.array([1e-3] * 8 + [1.0] * 2)
    equal = ask(noting, ended=ended)[0]._gpr
    noting.noted.clear()
    fitted = ask(noting, noise=noise.tolist(), ended=ended)[0]._gpr
    prior = GPSampler()._log_prior
    weights = torch.from_numpy(noise / noise.mean())

    def how_likely(process: Any, scales: float, height: float, variance: float) -> float:
        """The logarithm of the posterior, up to a constant, with parameters times these numbers."""
        other = GPRegressor(
            process._is_categorical,
            process._X_train,
            process._y_train.squeeze(-1),
            process.inverse_squared_lengthscales * scales,
            process.kernel_scale * height,
            process.noise_var * variance,
        )
        own = prior(other)
        other.noise_var = other.noise_var * weights
        return float(own + other.marginal_log_likelihood())

    likeliest = how_likely(fitted, 1, 1, 1)
    assert likeliest > how_likely(equal, 1, 1, 1) + 1
    for factor in (0.5, 0.8, 1.25, 2):
        for place in range(3):
            moved = [factor if i == place else 1 for i in range(3)]
            assert how_likely(fitted, *moved) < likeliest, (factor, place)


def test_a_noisy_value_is_followed_less_than_the_others(noting: Noting) -> None:
    acqf, _ = ask(noting, running=(0.6,), noise=[1e-4, 1e-4, 1.0])
    means, variances = posterior(acqf)
    away = (means - acqf._gpr._y_train.squeeze(-1)).abs()
    assert away[2] > 10 * max(away[0], away[1])
    assert variances[2] > 10 * max(variances[0], variances[1])
    assert acqf._gpr.noise_var.ndim == 0, "the next fit starts from one noise"


def test_a_believed_trial_leaves_little_to_find_out_beside_it(noting: Noting) -> None:
    acqf, _ = ask(noting, (0.6,))
    _, variance = acqf._gpr.posterior(torch.tensor([[0.6], [1.0]], dtype=torch.float64))
    assert variance[0] < variance[1] / 10


def test_trials_that_are_added_at_once_are_those_that_optuna_adds(tmp_path: Path) -> None:
    axes = {
        "rate": FloatDistribution(1e-5, 1.0, log=True),
        "kind": CategoricalDistribution(["a", None, 3]),
    }
    start = datetime(2026, 3, 29, 2, 30)
    trials = [
        create_trial(
            state=state,
            values=[math.inf, -1.0] if state == TrialState.COMPLETE else None,
            params={"rate": 0.01, "kind": None},
            distributions=axes,
            user_attrs={"node": "ä", "epochs": 3},
            intermediate_values={1: 0.5, 3: math.nan, 4: -math.inf},
        )
        for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)
    ]
    trials.append(create_trial(state=TrialState.FAIL))
    for trial in trials:
        trial.datetime_start = start
        is_over = trial.state.is_finished()
        trial.datetime_complete = start + timedelta(hours=3) if is_over else None
    found = []
    for name in ("one", "other"):
        storage = RDBStorage(f"sqlite:///{tmp_path}/{name}.db")
        with quiet_optuna():
            optuna.create_study(storage=storage, study_name="before").add_trial(
                create_trial(value=1.0)
            )
            study = optuna.create_study(
                storage=storage, study_name="here", directions=["minimize", "maximize"]
            )
            if name == "one":
                add_trials(storage, "here", [])
                add_trials(storage, "here", trials)
            else:
                study.add_trials(trials)
            found.append([repr(each) for each in study.get_trials(deepcopy=False)])
    assert found[0] == found[1]
    assert len(found[0]) == 5
