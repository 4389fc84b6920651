"""What the engine knows of every trial besides Tune: its best values, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray import tune
from ray.air.constants import TRAINING_ITERATION
from ray.tune.experiment import Trial
from ray.tune.result import AUTO_RESULT_KEYS
from ray.tune.utils import flatten_dict

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.history import History, folder_name
from pcsearch.engine.records.journal import Ended, Journal
from pcsearch.engine.records.trial_result import (
    Status,
    TrialResult,
    best,
    better,
    finite,
    measured,
)
from pcsearch.engine.search.asha import make_scheduler
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON


def trial_number(trial: Trial) -> int:
    """A trial's number, from 1, in the order of suggestion; Tune keeps it over a restore."""
    return int(trial.experiment_tag.partition("_")[0])


def trial_folder(trial: Trial) -> str:
    """The name of a trial's folder."""
    return folder_name(trial_number(trial), trial.trial_id)


def diverged(report: Mapping[str, Any], metrics: tuple[str, ...]) -> bool:
    """Whether a trial's report says that it diverged: by itself, or by what it measured."""
    if report.get(EARLY_STOP_REASON) == DIVERGED:
        return True
    given = [report[name] for name in metrics if report.get(name) is not None]
    return any(finite(value) is None for value in given)


class Record(tune.Callback):
    """Watches the reports of a search, and tells what became of its trials.

    Args:
        experiment: the search, with what earlier sessions of it have come to.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._journal = Journal(experiment.directory.path)
        self.scheduler = make_scheduler(
            experiment.sweep,
            experiment.max_epochs,
            experiment.workload.time_attr,
            self._journal.add,
        )
        """Stops the search's trials."""
        self.storage_error = ""
        """The error of the storage that has ended the search, in a line."""
        self.on_storage_error: Callable[[], None] = lambda: None
        """Called with the first of them."""
        self._experiment = experiment
        self._names = tuple(metric.name for metric in experiment.metrics)
        self._values: dict[str, list[float | None]] = {}
        # An interrupted trial is TERMINATED to Tune, like one that came to its end.
        self._ended: set[str] = set()
        self._failed: set[str] = set()
        self._errors: dict[str, str] = {}
        self._stopping_by_user: set[str] = set()
        self._by_hand: set[str] = set()
        self._best: TrialResult | None = None
        self._history_compared = False
        self._recall(experiment.history)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Compare the trials that ended in earlier sessions, as soon as Tune has them."""
        if trials:
            self._compare_history(trials)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Compare the trials that ended in earlier sessions."""
        self._compare_history(trials)

    def on_trial_restore(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Compare the trials that ended in earlier sessions."""
        self._compare_history(trials)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Compare the trials that ended in earlier sessions, where no trial has run."""
        self._compare_history(trials)

    def _compare_history(self, trials: Sequence[Trial]) -> None:
        if self._history_compared:
            return
        self._history_compared = True
        for trial in trials:
            if trial.status in (Trial.TERMINATED, Trial.ERROR) and self.has_ended(trial):
                self._compare(trial)

    def _compare(self, trial: Trial) -> None:
        """Keep a trial that has ended where it is the best."""
        results = [self.result(trial), *([] if self._best is None else [self._best])]
        self._best = best(results, self._experiment.metrics)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Keep a report's values where they are the best so far."""
        self._keep(trial.trial_id, flatten_dict(result))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has come to its end, its own or by the scheduler."""
        self._end(trial, failed=False)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """A trial has failed for good; not where the storage has: it goes on when there is room."""
        storage_error = getattr(trial, "storage_error", "")
        if storage_error:
            self.storage_error = storage_error
            self.on_storage_error()
        else:
            self._end(trial, failed=True)

    def _end(self, trial: Trial, failed: bool) -> None:
        self._ended.add(trial.trial_id)
        if failed:
            self._failed.add(trial.trial_id)
            self._errors[trial.trial_id] = error = str(getattr(trial, "error", ""))
        else:
            error = ""
        if not failed and trial.trial_id in self._stopping_by_user:
            self._by_hand.add(trial.trial_id)
        last = flatten_dict(trial.last_result or {})
        values = list(self._final_values(trial.trial_id, last))
        by_target, by_hand = self.ended_by_target(trial), self.ended_by_hand(trial)
        self._journal.add(Ended(trial.trial_id, failed, values, by_target, error, by_hand))
        self._compare(trial)

    def _recall(self, history: History) -> None:
        """Go on from earlier sessions."""
        for past in history.trials:
            if past.over:
                self._ended.add(past.id)
            if past.failed:
                self._failed.add(past.id)
            if past.ended is not None:
                self._errors[past.id] = past.ended.error
                if past.ended.by_hand:
                    self._by_hand.add(past.id)
            if past.ended is not None and past.ended.values:
                self._keep_all(past.id, past.ended.values)
            else:
                for report in past.reports:
                    self._keep(past.id, flatten_dict(report))
        self.scheduler.recall(history)

    def _keep_all(self, trial_id: str, values: Sequence[float | None]) -> None:
        if any(value is not None for value in values):
            self._values[trial_id] = list(values)

    def _keep(self, trial_id: str, report: Mapping[str, Any]) -> None:
        numbers = [measured(report, name) for name in self._names]
        if len(numbers) > 1:
            # The values of several metrics belong together.
            if None not in numbers:
                self._values[trial_id] = numbers
            return
        for value, metric in zip(numbers, self._experiment.metrics, strict=True):
            before = self._values.get(trial_id, [None])[0]
            if value is not None and better(value, before, metric):
                self._values[trial_id] = [value]

    @property
    def ended(self) -> int:
        """How many trials have come to their ends."""
        return len(self._ended)

    @property
    def failures(self) -> int:
        """How many of them failed."""
        return len(self._failed)

    @property
    def winner(self) -> str | None:
        """The id of the trial that has reached the target, None if none has."""
        reached = self.scheduler.reached
        return None if reached is None else reached.trial

    def rung(self, trial: Trial) -> int | None:
        """The rung at which a trial was stopped for being worse than others."""
        return self.scheduler.stopped.get(trial.trial_id)

    def ended_by_target(self, trial: Trial) -> bool:
        """Whether a trial was ended because another reached the target."""
        return trial.trial_id in self.scheduler.ended

    def ended_by_hand(self, trial: Trial) -> bool:
        """Whether the user has stopped a trial, in this session or an earlier one."""
        return trial.trial_id in self._by_hand

    def stop_by_user(self, trial: Trial) -> None:
        """Stop a trial at its next report, because the user asks for it. In any thread."""
        self._stopping_by_user.add(trial.trial_id)
        # Tune compares every report with this, in its own thread.
        trial.stopping_criterion = {**trial.stopping_criterion, TRAINING_ITERATION: 0}

    def best_trial(self) -> TrialResult | None:
        """The best of the trials that have ended, None where none has a value."""
        return self._best

    def best_values(self, trial: Trial) -> tuple[float | None, ...]:
        """The best that a trial has reported so far; of several metrics, the last that it did."""
        return tuple(self._values.get(trial.trial_id, ()))

    def error(self, trial: Trial) -> str:
        """The first lines of the error that made a trial fail, else an empty string."""
        return self._errors.get(trial.trial_id, "")

    def has_ended(self, trial: Trial) -> bool:
        """Whether a trial has come to its end, in this session or an earlier one."""
        return trial.trial_id in self._ended

    def result(self, trial: Trial) -> TrialResult:
        """A trial of Tune's as far as it came."""
        last = flatten_dict(trial.last_result or {})
        return TrialResult(
            number=trial_number(trial),
            trial_id=trial.trial_id,
            folder=trial_folder(trial),
            config=dict(trial.config),
            status=self.status(trial),
            epoch=self.epoch(last),
            values=self._final_values(trial.trial_id, last),
            seconds=float(last.get("time_total_s") or 0),
            error=self.error(trial).partition("\n")[0],
            reported=_reported(last),
        )

    def epoch(self, report: Mapping[str, Any]) -> int:
        """The epoch of a report, 0 of none."""
        counted = report.get(self._experiment.workload.time_attr)
        return int(counted or report.get(TRAINING_ITERATION) or 0)

    def status(self, trial: Trial) -> Status:
        """How a trial has ended, or that it has not."""
        last = flatten_dict(trial.last_result or {})
        if trial.status == Trial.ERROR:
            return "failed"
        if not self.has_ended(trial):
            return "interrupted"
        if diverged(last, self._names):
            return "diverged"
        epochs = self._experiment.workload.epochs(trial.config)
        at_its_end = epochs is not None and self.epoch(last) >= epochs
        if at_its_end or last.get(EARLY_STOP_REASON) or self.winner == trial.trial_id:
            return "finished"
        cut = trial.trial_id in self.scheduler.stopped or trial.trial_id in self.scheduler.ended
        cut = cut or self.ended_by_hand(trial)
        return "stopped" if cut or epochs is not None else "finished"

    def _final_values(self, trial_id: str, last: Mapping[str, Any]) -> tuple[float | None, ...]:
        nothing: list[float | None] = [None] * len(self._names)
        if diverged(last, self._names):
            return tuple(nothing)
        return tuple(self._values.get(trial_id, nothing))


def _reported(report: Mapping[str, Any]) -> tuple[str, ...]:
    own = (name for name, value in report.items() if finite(value) is not None)
    return tuple(n for n in own if n not in AUTO_RESULT_KEYS and not n.startswith("config/"))
