from __future__ import annotations

import math
from typing import Any

import pytest

from pcsearch.tracking.ledger.results import is_interrupted, other_result
from pcsearch.tracking.server.sweep_runs import SweepRun


@pytest.mark.parametrize(
    ("summary", "values"),
    [
        ({"loss": 1, "acc": 0.5, "trial_status": "finished"}, [1.0, 0.5]),
        ({"loss": 1, "acc": 0.5, "trial_status": "stopped early by the scheduler"}, [1.0, 0.5]),
        ({"loss": 1, "acc": 0.5, "trial_status": "diverged"}, None),
        ({"trial_status": "failed"}, None),
        ({"loss": 1, "acc": 0.5, "trial_status": "interrupted"}, "no result"),
        ({"loss": 1, "trial_status": "finished"}, "no result"),
        ({"loss": 1, "acc": math.nan, "trial_status": "finished"}, "no result"),
        ({"loss": 1, "acc": "NaN", "trial_status": "finished"}, "no result"),
    ],
)
def test_a_result_has_the_best_of_each_metric(summary: dict[str, Any], values: Any) -> None:
    run = SweepRun("a", "0001_a", "finished", "", {"x": 3}, summary)
    result = other_result(run, ["loss", "acc"])
    if result is None:
        assert values == "no result"
    else:
        assert (result.trial_id, result.config, result.values) == ("a", {"x": 3}, values)
    assert is_interrupted(run) == (summary["trial_status"] == "interrupted")


@pytest.mark.parametrize(
    ("status", "is_cut"),
    [
        ("finished", False),
        ("failed", False),
        ("stopped early by the scheduler", True),
        ("ended: another trial reached the target", True),
        ("stopped by hand", True),
    ],
)
def test_a_trial_that_was_cut_short_has_no_result_where_trials_are_stopped_early(
    status: str, is_cut: bool
) -> None:
    run = SweepRun("a", "0001_a", "finished", "", {}, {"loss": 1, "trial_status": status})
    assert other_result(run, ["loss"]) is not None
    assert (other_result(run, ["loss"], stops_early=True) is None) == is_cut
