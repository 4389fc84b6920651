"""Rebuilds the Optuna study of a resumed search from the history of the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from ray.tune.utils import flatten_dict

from pcsearch.engine.records.history import History, PastTrial
from pcsearch.engine.search.imputation import ReportedValues, final_values, reported_values
from pcsearch.errors import PcsearchError
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.metrics import Metric

Space = Mapping[str, BaseDistribution]


def rebuilt_trials(history: History, space: Space, metrics: Sequence[Metric]) -> list[FrozenTrial]:
    """The trials with which the study of a resumed or warm-started search begins.

    Args:
        history: of the search.
        space: Optuna's distributions, by the names of the parameters.
        metrics: what the study optimises.

    Returns:
        First the known results with a value of each metric, then the trials of the search in the
        order of their numbers.

    Raises:
        PcsearchError: the history does not fit the space.
    """
    try:
        known = [
            _optuna_trial(each.point, space, each.values)
            for each in history.known
            if len(each.values) == len(metrics)
        ]
        return known + [_rebuilt(each, space, metrics) for each in history.trials]
    except (ValueError, KeyError, TypeError) as error:
        raise PcsearchError(
            f"the experiment's journal does not fit its sweep file ({error}); was one changed?"
        ) from error


def reported_by(trial: PastTrial, metrics: Sequence[Metric]) -> ReportedValues:
    """The values that a trial of a history has reported."""
    return reported_values(map(flatten_dict, trial.reports), metrics)


def best_values(trial: PastTrial, metrics: Sequence[Metric]) -> Sequence[float] | None:
    """The best values that a trial of a history has reported.

    None where it has reported none, or has diverged.
    """
    if not trial.reports or trial.reports[-1].get(EARLY_STOP_REASON) == DIVERGED:
        return None
    return reported_by(trial, metrics).best


def _rebuilt(trial: PastTrial, space: Space, metrics: Sequence[Metric]) -> FrozenTrial:
    """A trial as the study had it: running, or ended with its values."""
    if not trial.over:
        return _optuna_trial(trial.point, space, None)
    ended = trial.ended
    if ended is not None and ended.values and not ended.failed and None not in ended.values:
        return _optuna_trial(trial.point, space, ended.values)
    # Where nobody wrote down its end, a rung or the target ended it when the search was killed.
    went_wrong = ended is not None and (ended.failed or None in ended.values)
    values = final_values(reported_by(trial, metrics), metrics, went_wrong=went_wrong)
    return _optuna_trial(trial.point, space, values)


def _optuna_trial(
    point: Mapping[str, Any] | None, space: Space, values: Sequence[float | None] | None
) -> FrozenTrial:
    """A trial of Optuna's at a point: one that has ended with values, or a running one."""
    state = TrialState.RUNNING if values is None else TrialState.COMPLETE
    return create_trial(
        state=state,
        params={name: (point or {})[name] for name in space},
        distributions=dict(space),
        values=None if values is None else [float(v) for v in values if v is not None],
    )
