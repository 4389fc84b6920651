"""What a trial counts as for Optuna: one that has ended, one that went wrong, one that is running.

Imputation is W&B's word (``impute``, ``impute_while_running``): the value that stands in for the
metric of a trial that has none.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.trial_result import better, measured
from pcsearch.sweeps.metrics import Impute, Metric


@dataclass(frozen=True)
class ReportedValues:
    """The values of the search's metrics that a trial has reported so far.

    Args:
        latest: those of its last report with a finite number of each metric; None before that.
        best: the best value of the metric. Of several metrics the latest: no report is the best
            in all of them.
    """

    latest: Sequence[float] | None = None
    best: Sequence[float] | None = None

    def after(self, report: Mapping[str, Any], metrics: Sequence[Metric]) -> ReportedValues:
        """The values after one more report.

        Args:
            report: with the names of its numbers as keys.
            metrics: the search's.
        """
        values = [measured(report, metric.name) for metric in metrics]
        latest = [value for value in values if value is not None]
        if len(latest) < len(metrics):
            return self
        if len(metrics) == 1 and self.best and not better(latest[0], self.best[0], metrics[0]):
            return ReportedValues(latest, self.best)
        return ReportedValues(latest, latest)


def reported_values(
    reports: Iterable[Mapping[str, Any]], metrics: Sequence[Metric]
) -> ReportedValues:
    """The values that a trial of these reports has reported, oldest report first."""
    values = ReportedValues()
    for report in reports:
        values = values.after(report, metrics)
    return values


def final_values(
    reported: ReportedValues, metrics: Sequence[Metric], *, went_wrong: bool
) -> list[float]:
    """The values that Optuna gets for a trial that has ended: the best that it reported.

    Infinity stands for the worst, however bad later trials are.

    Args:
        reported: by the trial.
        metrics: the search's. Their ``impute`` says what a trial that went wrong counts as.
        went_wrong: whether it failed or diverged.
    """
    values = []
    for i, metric in enumerate(metrics):
        known = _imputed_values(metric.impute if went_wrong else "best", reported)
        worst = math.inf if metric.mode == "min" else -math.inf
        values.append(worst if known is None else float(known[i]))
    return values


def imputed_trials(
    study: Study,
    trial: FrozenTrial,
    running: Sequence[Impute | None],
    reported: Mapping[int, ReportedValues],
) -> list[FrozenTrial]:
    """The trials of a study as its sampler is to see them.

    No value is infinite, for samplers differ in what they make of it: the worst finite value of
    the study takes its place. A running trial may count as one that has ended.

    Args:
        study: the search's.
        trial: the one that is being suggested; it stays as it is.
        running: for each objective, the value that a running trial counts with. Where one is None
            or not known yet, the trial stays a running one.
        reported: by the number of the trial, for those that are running.
    """
    trials = study.get_trials(deepcopy=False)
    worst = _worst_values(trials, study.directions)
    imputed = []
    for each in trials:
        values = each.values if each.state == TrialState.COMPLETE else None
        if each.state == TrialState.RUNNING and each.number != trial.number:
            values = _running_values(reported.get(each.number), running, worst)
        elif values is not None and not all(math.isfinite(value) for value in values):
            values = [_finite(v, w) for v, w in zip(values, worst, strict=True)]
        same = values is None or values == each.values
        imputed.append(each if values is None or same else _completed(each, values))
    return imputed


def _imputed_values(impute: Impute, reported: ReportedValues) -> Sequence[float] | None:
    return {"latest": reported.latest, "best": reported.best, "worst": None}[impute]


def _worst_values(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[float | None]:
    """The worst finite value of each objective among the trials that have ended."""
    ended = [trial.values for trial in trials if trial.state == TrialState.COMPLETE]
    worst: list[float | None] = []
    for i, direction in enumerate(directions):
        finite = [values[i] for values in ended if math.isfinite(values[i])]
        pick = max if direction == StudyDirection.MINIMIZE else min
        worst.append(pick(finite) if finite else None)
    return worst


def _finite(value: float, worst: float | None) -> float:
    return value if math.isfinite(value) else worst or 0.0


def _running_values(
    reported: ReportedValues | None,
    running: Sequence[Impute | None],
    worst: Sequence[float | None],
) -> list[float] | None:
    """The values that a running trial counts with, None where one of them is not known."""
    values = []
    for i, impute in enumerate(running):
        if impute is None:
            return None
        known = _imputed_values(impute, reported or ReportedValues())
        value = worst[i] if impute == "worst" else None if known is None else known[i]
        if value is None:
            return None
        values.append(float(value))
    return values


def _completed(trial: FrozenTrial, values: list[float]) -> FrozenTrial:
    completed = copy.copy(trial)
    completed.state = TrialState.COMPLETE
    completed.values = values
    return completed
