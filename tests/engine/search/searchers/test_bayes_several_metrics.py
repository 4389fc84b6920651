"""The searcher of bayes with several metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest
from searchers_in_tune import as_in_tune

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.sweep import parse_sweep

SEVERAL = """\
method: custom
scheduler: {engine: optuna}
metrics:
  - {name: loss, goal: minimize}
  - {name: accuracy, goal: maximize, impute: latest}
parameters:
  x: {min: 0.0, max: 1.0}
"""


def several(sampler: SamplerName = "auto") -> BayesSearcher:
    made = make_searcher(parse_sweep(SEVERAL, "s.yaml"), 30, 0, sampler)
    assert isinstance(made, BayesSearcher)
    as_in_tune(made)
    return made


def both(loss: Any, accuracy: Any, epoch: int = 1) -> dict[str, Any]:
    return {"loss": loss, "accuracy": accuracy, "epoch": epoch, "training_iteration": epoch}


def test_several_metrics_are_those_of_the_last_report_that_has_them_all() -> None:
    searcher = several()
    searcher.suggest("t0")
    for epoch, reported in enumerate([(0.1, 0.5), (0.3, 0.6), (0.0, None)], start=1):
        searcher.on_trial_result("t0", both(*reported, epoch=epoch))
    searcher.on_trial_complete("t0", both(None, 0.9, epoch=4))
    assert searcher.study.trials[0].values == [0.3, 0.6]
    directions = [each.name for each in searcher.study.directions]
    assert directions == ["MINIMIZE", "MAXIMIZE"]


def test_of_several_metrics_each_is_imputed_its_own_way() -> None:
    searcher = several()
    searcher.suggest("t0")
    searcher.on_trial_result("t0", both(0.1, 0.5))
    searcher.on_trial_complete("t0", error=True)
    searcher.suggest("t1")
    searcher.on_trial_result("t1", both(0.1, 0.7))
    searcher.on_trial_complete("t1", both(math.nan, 0.9, epoch=2))
    failed, diverged = searcher.study.trials
    assert (failed.values, diverged.values) == ([math.inf, 0.5], [math.inf, 0.7])


@pytest.mark.parametrize("sampler", ["auto", "tpe", "qmc", "random"])
def test_several_metrics_spread_over_the_front(sampler: SamplerName) -> None:
    """Of loss x^2 and accuracy -(x - 1)^2 every x is on the front."""
    searcher, found = several(sampler), []
    for number in range(16):
        x = searcher.suggest(f"t{number}")["x"]
        searcher.on_trial_complete(f"t{number}", both(x**2, -((x - 1) ** 2)))
        found.append(x)
    assert len(searcher.study.best_trials) == len(set(found))
    assert min(found) < 0.25
    assert max(found) > 0.75
