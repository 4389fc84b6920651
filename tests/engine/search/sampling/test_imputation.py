"""What trials count as, and what a sampler sees of them."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.search.predictions.learning_curves import Prediction
from pcsearch.engine.search.sampling.imputation import DEVIATION, final_values, imputed_trials
from pcsearch.engine.search.sampling.study_view import quiet_optuna
from pcsearch.sweeps.metrics import Goal, Impute, Metric

LOSS = Metric("loss", "minimize")
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
    trials = imputed_trials(study, study.trials[-1], [running], values, {})
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
    reported = TrialOutcome("t3", (LOSS,), latest=[2.0], best=[0.5])
    assert seen_values(study, impute, t3=reported)[3:] == [value, None]


@pytest.mark.parametrize("reported", [{}, {"t3": TrialOutcome("t3", (LOSS,))}])
def test_a_running_trial_without_a_value_stays_a_running_one(reported: dict[str, Any]) -> None:
    study = study_with()
    study.ask()
    study.ask()
    assert seen_values(study, "latest", **reported)[3:] == [None, None]


def test_predictions_take_the_place_of_finite_values_and_of_running_trials() -> None:
    study = study_with()
    study.ask()
    study.ask()
    for running, known in ((None, 0.3), ("latest", 2.0)):
        outcomes = {3: TrialOutcome("t3", (LOSS,), latest=[2.0], best=[2.0])}
        predictions = {n: Prediction(m, 0.01, 1) for n, m in enumerate([0.1, 0.2, 0.7, 0.3])}
        seen = imputed_trials(study, study.trials[-1], [running], outcomes, predictions)
        assert [each.value for each in seen[:4]] == [0.1, 0.7, 0.7, known]
        assert seen[3].state == TrialState.COMPLETE
        # The one that failed, and the one that counts with a value it has, are not predicted.
        predicted = [0.01, None, 0.01, 0.01 if running is None else None]
        assert [each.user_attrs.get(DEVIATION) for each in seen[:4]] == predicted
        assert study.trials[0].user_attrs == {}


def test_a_value_that_is_not_predicted_where_others_are_is_not_taken_for_sure() -> None:
    """A trial that has failed counts, with ``impute: best``, as what it had after few epochs."""
    study = study_with()
    study.ask()
    seen = imputed_trials(study, study.trials[-1], [None], {}, {0: Prediction(0.1, 0.01, 1)})
    assert [each.value for each in seen[:3]] == [0.1, 3.0, 3.0]
    assert [each.user_attrs.get(DEVIATION) for each in seen[:3]] == [0.01, None, None]


def test_the_study_itself_is_left_alone() -> None:
    study = study_with()
    seen_values(study, None)
    assert study.trials[1].value == math.inf


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
    outcome = TrialOutcome("t", (metric,), latest=[0.8], best=[0.3])
    assert final_values(outcome, went_wrong=went_wrong) == [expected]
    assert final_values(TrialOutcome("t", (metric,)), went_wrong=went_wrong) == [WORST[goal]]
