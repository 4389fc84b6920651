"""The end of a search on the terminal."""

from __future__ import annotations

import pytest

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.reports.results import best_configurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = "method: random\nmetric: {name: los, goal: minimize}\nparameters: {x: {value: 1}}\n"


@pytest.mark.parametrize(
    ("reported", "end"),
    [("loss", "'los'; did you mean 'loss'?"), ("accuracy", "'los'; they report accuracy.")],
)
def test_a_metric_that_no_trial_reports_is_told_in_a_sentence(reported: str, end: str) -> None:
    result = TrialResult(1, "a", "", {"x": 1}, "finished", 1, (None,), 0.0, reported=(reported,))
    sweep = parse_sweep(SWEEP, "s.yaml", numeric=lambda _: True)
    (text,) = best_configurations([result], sweep, [Metric("los", "minimize")])
    assert str(text).endswith(f"No trial reports {end}")
