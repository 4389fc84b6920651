"""The scheduler that ends a whole search: at the metric's target, or when trials only fail.

Tune has stoppers for this. They end the other trials without a call of the searcher and the
callbacks, and they end the winning trial before its last checkpoint is kept. So the scheduler does
it: it gets the same reports, and the trials that it stops end in the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from pcsearch.engine.records.journal.events import Compared, ReachedTarget
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import ITERATION, Report, measured
from pcsearch.engine.search.replicates.entrants import mean_over_seeds
from pcsearch.sweeps.metrics import Metric

HOPELESS = 5
"""A search is given up when its first trials, as many as this, all fail in the same way."""
Note = Callable[[Compared | ReachedTarget], None]


def forget(event: Compared | ReachedTarget) -> None:
    """Write nothing: for a search that is never resumed."""


class UntilTarget(FIFOScheduler):
    """Runs every trial to its own end, until one reaches the target: then all end.

    A trial reaches the target with a report that is as good as the target of every metric that
    has one. If no metric has a target, no trial reaches it. Where seeds are replicates, the runs of
    a configuration reach it together: with the report that makes their mean as good, over all
    seeds.

    Args:
        outcomes: of the search's trials; they have each report before the scheduler gets it.
        note: writes a decision into the journal.
        seeds: how many seeds each configuration may run with; None where seeds are no replicates.
    """

    def __init__(self, outcomes: Outcomes, note: Note = forget, seeds: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._outcomes, self._seeds = outcomes, seeds
        self._note = note
        self.give_up: Callable[[], None] = lambda: None
        """Called when the first trials have all failed in the same way."""
        # Not an attribute `_metric`: Tune would look for it, and check each report for the metric.
        self._with_target = [metric for metric in outcomes.metrics if metric.target is not None]

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """End the search if a trial of an earlier session has reached the target already."""
        self._reaches(trial.trial_id, self._outcomes.of(trial.trial_id).last_report)
        if self._outcomes.reached is not None:
            tune_controller.search_alg.set_finished()

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """The first trial that waits; Tune's own method is slow, it visits all ended trials."""
        live: set[Trial] = tune_controller.get_live_trials()  # type: ignore[no-untyped-call]
        for status in (Trial.PENDING, Trial.PAUSED):
            waiting = [trial for trial in live if trial.status == status]
            if waiting:
                return min(waiting, key=lambda trial: int(trial.experiment_tag))
        return None

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Stop all trials at the first report that reaches the target."""
        if self._outcomes.reached is None and self._reaches(trial.trial_id, result):
            self._end_others(tune_controller, trial)
        if self._outcomes.reached is None:
            return str(TrialScheduler.CONTINUE)
        outcome = self._outcomes.of(trial.trial_id)
        if not outcome.reached_target:
            outcome.ended_by_target = True
        return str(TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Give up the search when its first trials have all failed in the same way."""
        if trial.should_recover():  # type: ignore[no-untyped-call]
            return
        errors = {each.trial_id: each.error for each in self._outcomes if each.failed}
        # Tune asks the scheduler before the callback that records this trial's end.
        errors[trial.trial_id] = getattr(trial, "error", "")
        # In the order of suggestion; other drivers may have the numbers between.
        first = [each.trial_id for each in islice(self._outcomes, HOPELESS)]
        same = {_without_numbers(errors[each]) for each in first if each in errors}
        is_complete = len(first) == HOPELESS and errors.keys() >= set(first)
        if trial.trial_id in first and is_complete and len(same) == 1:
            self.give_up()

    def resume_from(self, history: History) -> None:
        """Take over the decisions of earlier sessions."""
        reached = history.reached
        if reached is not None and self._are_there(reached.values):
            self._outcomes.reach_target(reached)

    def _reaches(self, trial_id: str, report: Report) -> bool:
        values = self._values(trial_id, report)
        if not self._are_there(values):
            return False
        if self._outcomes.reached is None:
            epoch = int(report.get(ITERATION) or 0)
            reached = ReachedTarget(trial_id, values, epoch)
            self._outcomes.reach_target(reached)
            self._note(reached)
        return True

    def _values(self, trial_id: str, report: Report) -> list[float | None]:
        """What is compared with the targets: the values of a report, or the mean over seeds."""
        if self._seeds is None or not self._with_target:
            return [measured(report, metric.name) for metric in self._with_target]
        return [mean_over_seeds(self._outcomes.of(trial_id), self._outcomes, self._seeds)]

    def _are_there(self, values: Sequence[float | None]) -> bool:
        if not values or len(values) != len(self._with_target):
            return False
        return all(map(Metric.reaches_target, self._with_target, values))

    def _end_others(self, tune_controller: TuneController, winner: Trial) -> None:
        """End the search at once; the winner itself ends when its report has been dealt with."""
        tune_controller.search_alg.set_finished()
        for trial in tune_controller.get_trials():  # type: ignore[no-untyped-call]
            if trial is winner or trial.is_finished():
                continue
            outcome = self._outcomes.of(trial.trial_id)
            # A trial that was stopped may still be saving.
            if outcome.stopped_at is None and not outcome.reached_target:
                outcome.ended_by_target = True
            tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]


def _without_numbers(error: str) -> str:
    """An error without its numbers: addresses, sizes and process ids differ from trial to trial."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", error)
