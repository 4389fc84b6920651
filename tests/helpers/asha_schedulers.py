"""The scheduler ASHA, made for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from driving import METRIC

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.schedulers.asha import Asha, make_scheduler
from pcsearch.engine.search.schedulers.target import UntilTarget
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


def sweep(hyperband: Hyperband | None, goal: Any = "minimize") -> Sweep:
    return Sweep("random", (Metric(METRIC, goal),), {}, hyperband)


def made(sweep: Sweep, max_epochs: int | None, time_attr: str = "epoch") -> UntilTarget:
    outcomes = Outcomes(sweep.metrics, time_attr, compared_by=sweep.compared_by)
    curves = learning_curves(sweep, max_epochs, outcomes)
    return make_scheduler(sweep, outcomes, curves)


def asha(
    max_epochs: int | None,
    min_iter: int = 1,
    eta: float = 3,
    goal: str = "minimize",
    strict: bool = True,
    time_attr: str = "epoch",
) -> Asha:
    hyperband = Hyperband(min_iter, eta, strict=strict)
    scheduler = made(sweep(hyperband, goal), max_epochs, time_attr)
    assert isinstance(scheduler, Asha)
    return scheduler


EPOCHS = 81


def curves(count: int, seed: int) -> np.ndarray[Any, Any]:
    """Loss curves that fall by a power law, with noise, (count, EPOCHS)."""
    random = np.random.default_rng(seed)
    final = random.uniform(0.1, 1.0, (count, 1))
    height = random.uniform(0.5, 2.0, (count, 1))
    power = random.uniform(0.3, 1.0, (count, 1))
    falling = final + height * np.arange(1, EPOCHS + 1) ** -power
    return np.asarray(falling + random.normal(0, 0.02, falling.shape))
