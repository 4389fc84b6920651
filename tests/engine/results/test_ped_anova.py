"""The importance of parameters by PED-ANOVA: it is what Optuna computes."""

from __future__ import annotations

import math
import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pcsearch.engine.results.ped_anova import PedAnova, cells_of

AXES = {
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "share": FloatDistribution(-1.0, 3.0),
    "few": IntDistribution(1, 3),
    "many": IntDistribution(0, 1000),
    "kind": CategoricalDistribution(range(4)),
}


@pytest.mark.parametrize("count", [10, 61, 300])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("top", [0.1, 0.5])
def test_it_is_what_optuna_computes(count: int, ties: bool, top: float) -> None:
    random = np.random.default_rng(count)
    points = [
        {
            "rate": float(10 ** random.uniform(-5, 0)),
            "share": float(random.uniform(-1, 3)),
            "few": int(random.integers(1, 4)),
            "many": int(random.integers(0, 1001)),
            "kind": int(random.choice(4)),
        }
        for _ in range(count)
    ]
    losses = [
        round((math.log10(each["rate"]) + 2) ** 2 + each["kind"], 0 if ties else 12)
        for each in points
    ]
    cells = {name: cells_of([each[name] for each in points], AXES[name]) for name in AXES}
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(params=point, distributions=AXES, value=loss)
            for point, loss in zip(points, losses, strict=True)
        ]
    )
    with warnings.catch_warnings(action="ignore"):
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=top)
        wanted = optuna.importance.get_param_importances(
            study, evaluator=evaluator, normalize=False
        )
    assert PedAnova(cells).importances(losses, top) == pytest.approx(wanted, rel=1e-6)


def test_values_at_the_ends_of_an_axis_have_cells() -> None:
    cells = cells_of([1e-5, 1.0], AXES["rate"])
    assert (cells.places.tolist(), cells.count) == ([0, 49], 50)
    assert cells_of([1, 2, 3], AXES["few"]).places.tolist() == [0, 1, 2]
