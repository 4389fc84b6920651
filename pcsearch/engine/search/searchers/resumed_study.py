"""Rebuilds the Optuna study of a resumed search from the history of the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.sampling.imputation import DEVIATION, final_values
from pcsearch.errors import PcsearchError

Space = Mapping[str, BaseDistribution]


def rebuilt_trials(history: History, space: Space, outcomes: Outcomes) -> list[FrozenTrial]:
    """The trials with which the study of a resumed or warm-started search begins.

    Args:
        history: of the search.
        space: Optuna's distributions, by the names of the parameters.
        outcomes: of the trials of the history, with the metrics that the study optimises.

    Returns:
        First the results of the warm start that have a value of each metric, then the trials of
        the search in the order of their numbers, without those that an edit has left outside.

    Raises:
        PcsearchError: the history does not fit the space.
    """
    try:
        warm_start = [
            _with_deviation(_optuna_trial(each.point, space, each.values), each.deviation)
            for each in history.warm_start
            if len(each.values) == len(outcomes.metrics)
        ]
        inside = [trial for trial in history.trials if not trial.is_outside]
        return warm_start + [_rebuilt(trial, space, outcomes) for trial in inside]
    except (ValueError, KeyError, TypeError) as error:
        raise PcsearchError(
            f"the experiment's journal does not fit its sweep file ({error}); was one changed?"
        ) from error


def _with_deviation(trial: FrozenTrial, deviation: float) -> FrozenTrial:
    """The trial, with how sure its value is."""
    trial.set_user_attr(DEVIATION, deviation)
    return trial


def other_trial(
    result: OtherResult, point: Mapping[str, Any], space: Space, outcomes: Outcomes
) -> FrozenTrial:
    """A trial of another driver, as Optuna has one that has ended.

    Args:
        result: of the trial.
        point: where it lies in the space.
        space: Optuna's distributions, by the names of the parameters.
        outcomes: of this search, with the metrics that the study optimises.
    """
    values = result.values
    if values is None:
        values = final_values(TrialOutcome(result.trial_id, outcomes.metrics), went_wrong=True)
    return _optuna_trial(point, space, values)


def _rebuilt(trial: TrialHistory, space: Space, outcomes: Outcomes) -> FrozenTrial:
    """A trial as the study had it: running, or ended with its values."""
    if not trial.over:
        return _optuna_trial(trial.point, space, None)
    if trial.end is not None and trial.end.elsewhere:
        # What it had come to says little, and the driver that has its number draws another point.
        return _optuna_trial(trial.point, space, None, TrialState.FAIL)
    # Where nobody wrote down its end, a rung or the target ended it when the search was killed.
    outcome = outcomes.of(trial.id)
    went_wrong = trial.failed or (
        # After an edit of the metrics the values at its end say nothing.
        trial.end is not None and (None in trial.end.values or outcome.diverged)
    )
    if not went_wrong and outcome.best is None:
        # It was not asked for the metrics that an edit has brought: nobody knows what it is worth.
        return _optuna_trial(trial.point, space, None, TrialState.FAIL)
    values = final_values(outcome, went_wrong=went_wrong)
    return _optuna_trial(trial.point, space, values)


def _optuna_trial(
    point: Mapping[str, Any] | None,
    space: Space,
    values: Sequence[float | None] | None,
    without_values: TrialState = TrialState.RUNNING,
) -> FrozenTrial:
    """A trial of Optuna's at a point: one that has ended with values, or a running one."""
    state = without_values if values is None else TrialState.COMPLETE
    return create_trial(
        state=state,
        params={name: (point or {})[name] for name in space},
        distributions=dict(space),
        values=None if values is None else [float(v) for v in values if v is not None],
    )
