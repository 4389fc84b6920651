"""Gives Optuna a value for each trial: also for one that went wrong, was stopped, or runs.

Imputation is W&B's word (``impute``, ``impute_while_running``): the value that stands in for the
metric of a trial that has none.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Mapping, Sequence

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.search.predictions.learning_curves import Prediction
from pcsearch.sweeps.metrics import Impute

DEVIATION = "deviation"
"""The user attribute of a trial that says how sure its value is: the standard deviation of a
prediction, 0 for a measured result of a warm start. Others have none: values that are imputed, or
nothing is predicted at all."""


def final_values(outcome: TrialOutcome, *, went_wrong: bool) -> list[float]:
    """The values that Optuna gets for a trial that has ended: the best that it reported.

    Infinity stands for the worst, however bad later trials are.

    Args:
        outcome: of the trial. The ``impute`` of its metrics says what one that went wrong counts
            as.
        went_wrong: whether it failed or diverged.
    """
    values = []
    for i, metric in enumerate(outcome.metrics):
        known = _imputed_values(metric.impute if went_wrong else "best", outcome)
        values.append(metric.sign * math.inf if known is None else float(known[i]))
    return values


def imputed_trials(
    study: Study,
    trial: FrozenTrial,
    running: Sequence[Impute | None],
    outcomes: Mapping[int, TrialOutcome],
    predictions: Mapping[int, Prediction],
) -> list[FrozenTrial]:
    """The trials of a study as its sampler is to see them.

    No value is infinite, for samplers differ in what they make of it: the worst finite value of
    the study takes its place. A running trial may count as one that has ended.

    Args:
        study: the search's.
        trial: the one that is being suggested; it stays as it is.
        running: for each objective, the value that a running trial counts with. Where one is None
            or not known yet, the trial stays a running one.
        outcomes: of the running trials, by their numbers in the study.
        predictions: of the value at the end of trials, by the same numbers. They take the place of
            finite values, and of those of running trials for which ``running`` has none. Then the
            user attribute DEVIATION of a trial says how sure its value is.
    """
    trials = study.get_trials(deepcopy=False)
    ended = {
        each.number: _ended_values(each, predictions.get(each.number))
        for each in trials
        if each.state == TrialState.COMPLETE
    }
    worst = _worst_values(ended.values(), study.directions)
    imputed = []
    for each in trials:
        values, prediction = ended.get(each.number), predictions.get(each.number)
        if values is not None:
            values = [_finite(v, w) for v, w in zip(values, worst, strict=True)]
        elif each.state == TrialState.RUNNING and each.number != trial.number:
            values = _running_values(outcomes.get(each.number), running, worst)
            if values is None and prediction is not None:
                values = [prediction.mean]
        if prediction is not None and values == [prediction.mean]:
            imputed.append(_completed(each, values, prediction.deviation))
        elif values is None or values == each.values:
            imputed.append(each)
        else:
            imputed.append(_completed(each, values, None))
    return imputed


def _ended_values(trial: FrozenTrial, prediction: Prediction | None) -> list[float]:
    """The values of a trial that has ended, or what is predicted instead of a finite one."""
    if prediction is not None and math.isfinite(trial.values[0]):
        return [prediction.mean]
    return list(trial.values)


def _imputed_values(impute: Impute, outcome: TrialOutcome) -> Sequence[float] | None:
    return {"latest": outcome.latest, "best": outcome.best, "worst": None}[impute]


def _worst_values(
    ended: Collection[Sequence[float]], directions: Sequence[StudyDirection]
) -> list[float | None]:
    """The worst finite value of each objective among those of trials that have ended."""
    worst: list[float | None] = []
    for i, direction in enumerate(directions):
        finite = [values[i] for values in ended if math.isfinite(values[i])]
        pick = max if direction == StudyDirection.MINIMIZE else min
        worst.append(pick(finite) if finite else None)
    return worst


def _finite(value: float, worst: float | None) -> float:
    return value if math.isfinite(value) else worst or 0.0


def _running_values(
    outcome: TrialOutcome | None,
    running: Sequence[Impute | None],
    worst: Sequence[float | None],
) -> list[float] | None:
    """The values that a running trial counts with, None where one of them is not known."""
    values = []
    for i, impute in enumerate(running):
        if impute is None:
            return None
        known = None if outcome is None else _imputed_values(impute, outcome)
        value = worst[i] if impute == "worst" else None if known is None else known[i]
        if value is None:
            return None
        values.append(float(value))
    return values


def _completed(trial: FrozenTrial, values: list[float], deviation: float | None) -> FrozenTrial:
    completed = copy.copy(trial)
    completed.state = TrialState.COMPLETE
    completed.values = values
    if deviation is not None:
        completed.user_attrs = {**trial.user_attrs, DEVIATION: deviation}
    return completed
