"""The study of a resumed search has every trial of its history, as it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from histories import MadeTrialHistory
from optuna.trial import TrialState
from studies import ONE_RANGE

from pcsearch.engine.records.journal.events import TrialEnded, WarmStartResult
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers.resumed_study import rebuilt_trials
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")


def trial_of_history(
    number: int,
    ended: TrialEnded | None = None,
    losses: tuple[float, ...] = (),
    stopped_at: int | None = None,
    **more: Any,
) -> TrialHistory:
    """A trial at x = number / 10, with a report for each loss."""
    point = {"x": number / 10}
    reports = [{"loss": each, "training_iteration": i, **more} for i, each in enumerate(losses, 1)]
    return MadeTrialHistory(f"t{number}", number, point, Path(), ended, stopped_at, made=reports)


def rebuilt_from(history: History, metric: Metric = LOSS) -> list[Any]:
    return rebuilt_trials(history, ONE_RANGE, Outcomes([metric], history=history))


def values_of(*trials: TrialHistory, metric: Metric = LOSS) -> list[Any]:
    rebuilt = rebuilt_from(History(list(trials)), metric)
    return [trial.value if trial.state == TrialState.COMPLETE else trial.state for trial in rebuilt]


@pytest.mark.parametrize(
    ("ended", "losses", "value"),
    [
        (TrialEnded("t1", False, [0.2]), (0.9, 0.8), 0.2),
        (TrialEnded("t1", False, [None]), (0.3, 0.8), math.inf),
        (TrialEnded("t1", True, [0.2]), (0.3, 0.8), math.inf),
        (TrialEnded("t1", False, []), (0.3, 0.8), 0.3),
        (TrialEnded("t1", False, []), (), TrialState.FAIL),
        (TrialEnded("t1", True, []), (), math.inf),
        (TrialEnded("t1", False, []), (0.3, math.nan), math.inf),
        (None, (0.3, 0.8), TrialState.RUNNING),
        (TrialEnded("t1", False, [], elsewhere=True), (0.3, 0.8), TrialState.FAIL),
    ],
    ids=[
        "ended",
        "diverged",
        "failed",
        "an edit of the metric",
        "an edit to a metric that it did not report",
        "failed before an edit",
        "diverged before an edit",
        "unfinished",
        "elsewhere",
    ],
)
def test_a_trial_is_what_it_was(ended: TrialEnded | None, losses: Any, value: Any) -> None:
    assert values_of(trial_of_history(1, ended, losses)) == [value]


def test_what_went_wrong_counts_as_the_metric_says() -> None:
    for impute, value in [("best", 0.3), ("latest", 0.8), ("worst", math.inf)]:
        metric = Metric("loss", "minimize", impute=impute)  # type: ignore[arg-type]
        failed = trial_of_history(1, TrialEnded("t1", True, [0.3]), (0.3, 0.8))
        assert values_of(failed, metric=metric) == [value]


def test_a_trial_stopped_at_a_rung_has_ended_though_nobody_wrote_it_down() -> None:
    assert values_of(trial_of_history(1, None, (0.7, 0.4), stopped_at=2)) == [0.4]
    assert values_of(trial_of_history(1, None, (0.7, 0.4), stopped_at=3)) == [TrialState.RUNNING]


def test_known_results_come_first_and_only_those_with_every_metric() -> None:
    results = [
        WarmStartResult("a", "k1", {"x": 0.5}, [0.1]),
        WarmStartResult("a", "k2", {"x": 0.6}, [0.1, 0.2]),
    ]
    history = History([trial_of_history(1, TrialEnded("t1", False, [0.2]))], warm_start=results)
    rebuilt = rebuilt_from(history)
    assert [(trial.params["x"], trial.value) for trial in rebuilt] == [(0.5, 0.1), (0.1, 0.2)]


@pytest.mark.parametrize("point", [{"x": 7.0}, {"y": 0.5}, {}, {"x": "a"}])
def test_a_journal_that_does_not_fit_the_sweep_is_told(point: dict[str, Any]) -> None:
    trial = trial_of_history(1, TrialEnded("t1", False, [0.2]))
    trial.point = point
    with pytest.raises(PcsearchError, match="journal does not fit its sweep file"):
        rebuilt_from(History([trial]))
