"""What a trial counts as for Optuna's samplers: one that ended, went wrong or is still running."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.report import better, measured
from pcsearch.sweeps.metrics import Impute, Metric

# Kept with the trial in Optuna's study, so that they outlive a restart and samplers can see them.
LATEST = "pcsearch:latest"
BEST = "pcsearch:best"


class Noted(Protocol):
    """Something that is kept with a trial: Optuna's trial itself, or what stands for it."""

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What has been kept."""

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep something."""


def note_report(trial: Noted, report: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    """Keep a trial's latest and best values, where a report has a finite number of each metric.

    Of several metrics the latest values also count as the best: no report is the best in all.
    """
    values = [measured(report, metric.name) for metric in metrics]
    latest = [value for value in values if value is not None]
    if len(latest) < len(metrics):
        return
    trial.set_user_attr(LATEST, latest)
    before = trial.user_attrs.get(BEST, [None])[0]
    if len(metrics) > 1 or better(latest[0], before, metrics[0]):
        trial.set_user_attr(BEST, latest)


def final_values(trial: Noted, metrics: Sequence[Metric], *, went_wrong: bool) -> list[float]:
    """What an ended trial is told to Optuna as: the best that it ever reported.

    Infinity stands for the worst, however bad later trials are.

    Args:
        trial: with what `note_report` has kept.
        metrics: the search's; ``impute`` says what one counts as that went wrong.
        went_wrong: whether it failed or diverged.
    """
    attributes = trial.user_attrs
    kept = {"latest": attributes.get(LATEST), "best": attributes.get(BEST)}
    values = []
    for i, metric in enumerate(metrics):
        known = kept.get(metric.impute if went_wrong else "best")
        worst = math.inf if metric.mode == "min" else -math.inf
        values.append(worst if known is None else float(known[i]))
    return values


class StudyView:
    """A study with other trials than it has, for a sampler to look at.

    Args:
        study: what everything else is asked of.
        trials: those to see.
    """

    def __init__(self, study: Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._seen = trials

    def get_trials(
        self, deepcopy: bool = True, states: Sequence[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials to see, in some states or all."""
        trials = [trial for trial in self._seen if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Sequence[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)


def view(study: Study, trials: list[FrozenTrial]) -> Study:
    """The study as if it had these trials."""
    return cast(Study, StudyView(study, trials))


def imputed(study: Study, trial: FrozenTrial, running: Sequence[Impute | None]) -> Study:
    """The study as its sampler is to see it: without infinities, running trials imputed.

    Samplers differ in what they make of an infinity; here it is the worst finite value so far.

    Args:
        study: the search's.
        trial: the one that is being suggested; it is passed on as it is.
        running: for each objective, what a running trial counts as; where one is None, or the
            value is not known yet, the trial stays a running one.
    """
    trials = study.get_trials(deepcopy=False)
    worst = _worst(trials, study.directions)
    seen = []
    for each in trials:
        values = each.values if each.state == TrialState.COMPLETE else None
        if each.state == TrialState.RUNNING and each.number != trial.number:
            values = _running_values(each, running, worst)
        elif values is not None and not all(math.isfinite(value) for value in values):
            values = [_finite(v, w) for v, w in zip(values, worst, strict=True)]
        seen.append(each if values is None or values == each.values else _complete(each, values))
    return view(study, seen)


def _worst(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[float | None]:
    """The worst finite value of each objective among the ended trials."""
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
    trial: FrozenTrial, running: Sequence[Impute | None], worst: Sequence[float | None]
) -> list[float] | None:
    attributes = trial.user_attrs
    kept = {"latest": attributes.get(LATEST), "best": attributes.get(BEST), "worst": worst}
    values = []
    for i, impute in enumerate(running):
        known = kept[impute] if impute is not None else None
        value = None if known is None else known[i]
        if value is None:
            return None
        values.append(float(value))
    return values


def _complete(trial: FrozenTrial, values: list[float]) -> FrozenTrial:
    seen = copy.copy(trial)
    seen.state = TrialState.COMPLETE
    seen.values = values
    return seen
