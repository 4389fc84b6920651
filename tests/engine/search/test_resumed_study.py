"""The study of a resumed search has every trial of its history, as it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from studies import ONE_RANGE

from pcsearch.engine.records.history import History, PastTrial
from pcsearch.engine.records.journal import Ended, Known
from pcsearch.engine.search.resumed_study import best_values, rebuilt_trials, reported_by
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
NESTED = Metric("val/loss", "minimize")


def past_trial(
    number: int,
    ended: Ended | None = None,
    losses: tuple[float, ...] = (),
    stopped_at: int | None = None,
    **more: Any,
) -> PastTrial:
    """A trial at x = number / 10, with a report for each loss."""
    point = {"x": number / 10}
    past = PastTrial(f"t{number}", number, point, Path(), ended, stopped_at)
    reports = [{"loss": each, "training_iteration": i, **more} for i, each in enumerate(losses, 1)]
    past.__dict__["reports"] = reports
    past.__dict__["last_report"] = reports[-1] if reports else None
    return past


def values_of(*trials: PastTrial, metric: Metric = LOSS) -> list[Any]:
    rebuilt = rebuilt_trials(History(list(trials)), ONE_RANGE, [metric])
    return [trial.value if trial.state == TrialState.COMPLETE else trial.state for trial in rebuilt]


@pytest.mark.parametrize(
    ("ended", "losses", "value"),
    [
        (Ended("t1", False, [0.2]), (0.9, 0.8), 0.2),
        (Ended("t1", False, [None]), (0.3, 0.8), math.inf),
        (Ended("t1", True, [0.2]), (0.3, 0.8), math.inf),
        (Ended("t1", False, []), (0.3, 0.8), 0.3),
        (None, (0.3, 0.8), TrialState.RUNNING),
    ],
    ids=["ended", "diverged", "failed", "journal without values", "unfinished"],
)
def test_a_trial_is_what_it_was(ended: Ended | None, losses: Any, value: Any) -> None:
    assert values_of(past_trial(1, ended, losses)) == [value]


def test_what_went_wrong_counts_as_the_metric_says() -> None:
    for impute, value in [("best", 0.3), ("latest", 0.8), ("worst", math.inf)]:
        metric = Metric("loss", "minimize", impute=impute)  # type: ignore[arg-type]
        failed = past_trial(1, Ended("t1", True, [0.3]), (0.3, 0.8))
        assert values_of(failed, metric=metric) == [value]


def test_a_trial_stopped_at_a_rung_has_ended_though_nobody_wrote_it_down() -> None:
    assert values_of(past_trial(1, None, (0.7, 0.4), stopped_at=2)) == [0.4]
    assert values_of(past_trial(1, None, (0.7, 0.4), stopped_at=3)) == [TrialState.RUNNING]


def test_known_results_come_first_and_only_those_with_every_metric() -> None:
    known = [Known("a", "k1", {"x": 0.5}, [0.1]), Known("a", "k2", {"x": 0.6}, [0.1, 0.2])]
    history = History([past_trial(1, Ended("t1", False, [0.2]))], known=known)
    rebuilt = rebuilt_trials(history, ONE_RANGE, [LOSS])
    assert [(trial.params["x"], trial.value) for trial in rebuilt] == [(0.5, 0.1), (0.1, 0.2)]


@pytest.mark.parametrize("point", [{"x": 7.0}, {"y": 0.5}, {}, {"x": "a"}])
def test_a_journal_that_does_not_fit_the_sweep_is_told(point: dict[str, Any]) -> None:
    past = past_trial(1, Ended("t1", False, [0.2]))
    past.point = point
    with pytest.raises(PcsearchError, match="journal does not fit its sweep file"):
        rebuilt_trials(History([past]), ONE_RANGE, [LOSS])


def test_reports_may_be_nested() -> None:
    past = past_trial(1, losses=(1.0, 2.0), val={"loss": 0.25})
    assert reported_by(past, [NESTED]).latest == [0.25]
    assert best_values(past, [NESTED]) == [0.25]


def test_a_trial_that_diverged_or_measured_nothing_has_no_best_value() -> None:
    assert best_values(past_trial(1, losses=(0.5, 0.7)), [LOSS]) == [0.5]
    assert best_values(past_trial(1), [LOSS]) is None
    assert best_values(past_trial(1, losses=(0.5,), early_stop_reason="NaN"), [LOSS]) is None
    assert best_values(past_trial(1, losses=(math.nan,)), [LOSS]) is None
