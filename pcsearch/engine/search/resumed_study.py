"""What earlier sessions have come to, as trials of Optuna's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from pcsearch.engine.records.history import History, TrialHistory
from pcsearch.engine.search.imputation import BEST, LATEST, final_values, note_report
from pcsearch.errors import PcsearchError
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.metrics import Metric

Space = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class Recollection:
    """Trials of Optuna's that stand for those of earlier sessions and older searches.

    Args:
        known: results that the search has started from.
        trials: by the ids of the search's own trials, in their order.
    """

    known: Sequence[FrozenTrial]
    trials: Mapping[str, FrozenTrial]

    def __len__(self) -> int:
        return len(self.known) + len(self.trials)


def recollect(history: History, space: Space, metrics: Sequence[Metric]) -> Recollection:
    """Make Optuna's trials of a history.

    Args:
        history: what there is.
        space: Optuna's distributions by the parameters' names.
        metrics: what the study optimises.

    Raises:
        PcsearchError: the history does not fit the space.
    """
    names = {metric.name for metric in metrics}
    try:
        known = [
            _frozen(each.point, space, TrialState.COMPLETE, values=each.values)
            for each in history.known
            if len(each.values) == len(names)
        ]
        trials = {past.id: _trial(past, space, metrics) for past in history.trials}
    except (ValueError, KeyError, TypeError) as error:
        raise PcsearchError(
            f"the experiment's journal does not fit its sweep file ({error}); was one changed?"
        ) from error
    return Recollection(known, trials)


def recall(study: optuna.Study, recollection: Recollection) -> dict[str, optuna.Trial]:
    """Put the trials into a study that has none.

    Returns:
        Those of the search itself, by their ids.
    """
    for known in recollection.known:
        study.add_trial(known)
    made = {}
    for trial_id, frozen in recollection.trials.items():
        number = study._storage.create_new_trial(study._study_id, template_trial=frozen)
        made[trial_id] = optuna.Trial(study, number)
    return made


def best_values(
    reports: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]
) -> list[float] | None:
    """What a trial of these reports is worth; None where it measured nothing, or diverged."""
    notes = _Notes()
    for report in reports:
        note_report(notes, report, metrics)
    if not reports or reports[-1].get(EARLY_STOP_REASON) == DIVERGED:
        return None
    values: list[float] | None = notes.user_attrs.get(BEST)
    return values


def _trial(past: TrialHistory, space: Space, metrics: Sequence[Metric]) -> FrozenTrial:
    """A trial as the study would have it now: running, or ended with its values."""
    notes = _Notes()
    ended = past.ended
    measured = ended is not None and None not in ended.values and not ended.failed
    if measured and ended is not None and ended.values:
        notes.user_attrs = {LATEST: list(ended.values), BEST: list(ended.values)}
    else:
        for report in past.reports:
            note_report(notes, report, metrics)
    if not past.over:
        return _frozen(past.point, space, TrialState.RUNNING, attributes=notes.user_attrs)
    went_wrong = ended is not None and not measured
    values = final_values(notes, metrics, went_wrong=went_wrong)
    return _frozen(past.point, space, TrialState.COMPLETE, values, notes.user_attrs)


class _Notes:
    """Stands for a trial of Optuna's until there is one."""

    def __init__(self) -> None:
        self.user_attrs: dict[str, Any] = {}

    def set_user_attr(self, key: str, value: Any) -> None:
        self.user_attrs[key] = value


def _frozen(
    point: Mapping[str, Any] | None,
    space: Space,
    state: TrialState,
    values: Sequence[float | None] | None = None,
    attributes: dict[str, Any] | None = None,
) -> FrozenTrial:
    given = point or {}
    return create_trial(
        state=state,
        params={name: given[name] for name in space},
        distributions=dict(space),
        values=None if values is None else [float(v) for v in values if v is not None],
        user_attrs=attributes,
    )
