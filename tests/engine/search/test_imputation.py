"""What trials have reported, what they count as, and what a sampler sees of them."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from pcsearch.engine.search.imputation import (
    ReportedValues,
    final_values,
    imputed_trials,
    reported_values,
)
from pcsearch.engine.search.study_view import quiet_optuna
from pcsearch.sweeps.metrics import Goal, Impute, Metric

WORST = {"minimize": math.inf, "maximize": -math.inf}


def study_with(direction: str = "minimize") -> optuna.Study:
    """A study of three ended trials, of which the second diverged."""
    with quiet_optuna():
        study = optuna.create_study(direction=direction)
    for value in (1.0, WORST[direction], 3.0):
        study.tell(study.ask(), value)
    return study


def seen_values(study: optuna.Study, running: Impute | None, **reported: Any) -> list[Any]:
    """The values that a sampler sees, None for a running trial."""
    values = {int(name[1:]): each for name, each in reported.items()}
    trials = imputed_trials(study, study.trials[-1], [running], values)
    return [each.value if each.state == TrialState.COMPLETE else None for each in trials]


@pytest.mark.parametrize(("direction", "worst"), [("minimize", 3.0), ("maximize", 1.0)])
def test_infinities_are_the_worst_so_far(direction: str, worst: float) -> None:
    assert seen_values(study_with(direction), None) == [1.0, worst, 3.0]


@pytest.mark.parametrize(
    ("impute", "value"), [(None, None), ("latest", 2.0), ("best", 0.5), ("worst", 3.0)]
)
def test_a_running_trial_counts_as_asked(impute: Impute | None, value: float | None) -> None:
    study = study_with()
    study.ask()
    study.ask()
    reported = ReportedValues([2.0], [0.5])
    assert seen_values(study, impute, t3=reported)[3:] == [value, None]


@pytest.mark.parametrize("reported", [{}, {"t3": ReportedValues()}])
def test_a_running_trial_without_a_value_stays_a_running_one(reported: dict[str, Any]) -> None:
    study = study_with()
    study.ask()
    study.ask()
    assert seen_values(study, "latest", **reported)[3:] == [None, None]


def test_the_study_itself_is_left_alone() -> None:
    study = study_with()
    seen_values(study, None)
    assert study.trials[1].value == math.inf


@pytest.mark.parametrize(("goal", "best"), [("minimize", 0.2), ("maximize", 0.9)])
def test_reported_values_are_the_latest_and_the_best(goal: Goal, best: float) -> None:
    metric = Metric("loss", goal)
    values = (0.5, 0.2, 0.9, math.nan, "0.1", 0.6, math.inf)
    assert reported_values(({"loss": each} for each in values), [metric]) == (
        ReportedValues([0.6], [best])
    )
    assert reported_values([{"other": 1.0}], [metric]) == ReportedValues()


def test_of_several_metrics_the_latest_report_with_all_of_them_counts() -> None:
    metrics = [Metric("loss", "minimize"), Metric("accuracy", "maximize")]
    reports = [{"loss": 0.1, "accuracy": 0.9}, {"loss": 0.3, "accuracy": 0.6}, {"loss": 0.0}]
    assert reported_values(reports, metrics) == ReportedValues([0.3, 0.6], [0.3, 0.6])


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize(
    ("impute", "went_wrong", "value"),
    [("worst", False, 0.3), ("latest", True, 0.8), ("best", True, 0.3), ("worst", True, None)],
)
def test_final_values_are_the_best_or_what_the_metric_says(
    goal: Goal, impute: Impute, went_wrong: bool, value: float | None
) -> None:
    metric = Metric("loss", goal, impute=impute)
    expected = WORST[goal] if value is None else value
    reported = ReportedValues([0.8], [0.3])
    assert final_values(reported, [metric], went_wrong=went_wrong) == [expected]
    assert final_values(ReportedValues(), [metric], went_wrong=went_wrong) == [WORST[goal]]
