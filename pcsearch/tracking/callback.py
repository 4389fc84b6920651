"""Tune's callback that keeps a W&B run for each trial, in the driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.tracking.content import alerts
from pcsearch.tracking.content.configurations import (
    best_in_words,
    configuration_summary,
    search_summary,
)
from pcsearch.tracking.content.files import ModelFiles
from pcsearch.tracking.runs.best import BestAtWandb
from pcsearch.tracking.runs.context import RunContext, RunGroup, RunHistory
from pcsearch.tracking.runs.lifecycle import (
    RunEnd,
    RunStart,
    best_checkpoint,
    best_summary,
    ended_run,
    interrupted_end,
    interrupted_run,
    trial_folders,
    trial_name,
)
from pcsearch.tracking.runs.manager import RunManager
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.tracked_run import TrackedRun
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.wandb_internals import load_client


def _nothing(*_: Any) -> None:
    """The Stop button of a trial that has ended, and the default of `WandbCallback.settle`."""


class WandbCallback(LoggerCallback):
    """Keeps a W&B run for each trial. Errors of W&B are noted, and the search continues.

    A run has the trial's id, so that a resumed search resumes its runs. Epochs that a run has are
    not sent again. Epochs that it lost when the search was killed are read from the trial's own
    file. The steps of a run are the epochs. Threads do the work, while the search continues.

    Args:
        group: what the runs have in common.
        mode: where runs go; ``disabled`` keeps none and does not import wandb.
        outcomes: of the trials. It gets each report, and each end of a trial, before this callback.
        context: what the runs show of the search.
        history: what earlier sessions have written about the runs.
        tell: tells the user a problem with W&B, one line. Called in any thread.
    """

    def __init__(
        self,
        group: RunGroup,
        mode: Mode,
        outcomes: Outcomes,
        context: RunContext,
        history: RunHistory | None = None,
        tell: Callable[[str], None] = _nothing,
    ) -> None:
        self.group, self.mode = group, mode
        if mode != "disabled":
            load_client()
        self._outcomes, self._context = outcomes, context
        self._history = history or RunHistory()
        names = tuple(metric.name for metric in context.metrics)
        self.manager = RunManager(group, mode, names, outcomes.epoch, self._history, Problems(tell))
        """Has the runs, and tells what went wrong with them."""
        self._runs: dict[str, TrackedRun] = {}
        self._best_values: dict[str, Sequence[float] | None] = {}
        self._best_model = BestAtWandb(outcomes, context)
        self._alert_sent = self._history.alert_sent
        self._history_complete = mode == "disabled"

    @property
    def problems(self) -> list[str]:
        """What went wrong with W&B, as the user was told: one line each, without repeats."""
        return self.manager.problems.lines

    @property
    def unfinished(self) -> bool:
        """Whether W&B lacks something which a later session can add."""
        return not self.manager.is_complete

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Complete the runs of earlier sessions, as soon as Tune has their trials."""
        if trials:
            self._complete_history(trials)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Start the trial's run, after the runs of earlier sessions are completed."""
        self._complete_history(trials)
        super().on_trial_start(iteration, trials, trial, **info)

    def on_trial_restore(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Resume the trial's run, after the runs of earlier sessions are completed."""
        self._complete_history(trials)
        super().on_trial_restore(iteration, trials, trial, **info)

    def log_trial_start(self, trial: Trial) -> None:
        """Start the trial's run."""
        self._run_of(trial)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Send a report to the trial's run."""
        run = self._run_of(trial)
        if run is None:
            return
        with self.manager.problems.noting("a report was lost"):
            outcome = self._outcomes.of(trial.trial_id)
            summary: dict[str, Any] = {}
            if outcome.best != self._best_values.get(trial.trial_id):
                summary = best_summary(outcome)
                self._best_values[trial.trial_id] = outcome.best
            self.manager.send(run, outcome.last_report, summary)

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """End the trial's run; a trial that failed before it could start has a run too."""
        run = self._run_of(trial) if failed else self._runs.get(trial.trial_id)
        if run is not None:
            self._close(trial, self._end(trial))

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """End the runs of trials that were interrupted by the end of the search."""
        self._complete_history(trials)
        for trial in trials:
            if trial.trial_id in self._runs:
                self._close(trial, interrupted_run(self._outcomes.of(trial.trial_id)))
        self.close()

    def close(self, error: BaseException | None = None) -> None:
        """End the runs that are open at the end of the search.

        Args:
            error: what has ended the search early. One of the runs sends an alert about it.
        """
        alert = None
        if error is not None and not self._alert_sent:
            alert = alerts.search_failed(self.group.name, error)
        for trial_id in list(self._runs):
            self.manager.close(self._runs.pop(trial_id), interrupted_end(alert))
            alert = None

    def _run_of(self, trial: Trial) -> TrackedRun | None:
        """The trial's run, which starts now where it has not; None where runs are disabled."""
        if self.mode == "disabled":
            return None
        run = self._runs.get(trial.trial_id)
        if run is None:
            last_step = self._history.complete.get(trial.trial_id, 0)
            outcome = self._outcomes.of(trial.trial_id)
            start = self._start(trial, last_step + 1, outcome.stop_by_user)
            run = self._runs[trial.trial_id] = self.manager.open(start)
        return run

    def _start(self, trial: Trial, next_step: int, stop: Callable[[], None]) -> RunStart:
        config = dict(trial.config)
        with self.manager.problems.noting("a run shows only the values that were searched"):
            config = self._context.effective_config(config)
        replicate = self._outcomes.of(trial.trial_id).replicate
        configuration = None if replicate is None else replicate.configuration
        about_search: dict[str, Any] = {
            "searched": list(self._context.searched),
            "experiment_dir": self.group.address or str(self.group.directory),
        }
        if configuration is not None:
            about_search["configuration"] = configuration
        return RunStart(
            trial.trial_id,
            trial_name(trial),
            about_search | config,
            trial_folders(trial),
            stop,
            next_step,
            configuration,
        )

    def _close(self, trial: Trial, end: RunEnd) -> None:
        self._best_values.pop(trial.trial_id, None)
        self.manager.close(self._runs.pop(trial.trial_id), end)

    def _end(self, trial: Trial) -> RunEnd:
        """The end of the run of a trial that has ended."""
        outcome = self._outcomes.of(trial.trial_id)
        checkpoint = None if self._context.artifacts == "none" else best_checkpoint(trial)
        kept = None if checkpoint is None else ModelFiles(checkpoint, self._context.artifact_files)
        is_last = self._ends_search(outcome)
        about_search = self._of_configurations(outcome, is_last)
        end = ended_run(outcome, kept, about_search, self._alert() if is_last else None)
        return replace(end, best=self._best_model.after(outcome, end))

    def _of_configurations(self, outcome: TrialOutcome, is_last: bool) -> dict[str, Any]:
        """What the summary of a run that has ended says of configurations."""
        configurations = self._context.configurations
        if configurations is None:
            return {}
        own, best = configurations.of(outcome.replicate), configurations.best()
        found = {} if own is None else configuration_summary(own)
        if best is not None and is_last:
            found |= search_summary(best)
        return found

    def _ends_search(self, outcome: TrialOutcome) -> bool:
        """Whether a trial that has ended is the last of its search: it is over with that.

        At the target, it is the trial that has reached it. Where seeds are replicates, the other
        runs of its configuration have reached it too, but end before.
        """
        outcomes = self._outcomes
        if outcomes.reached is not None:
            return outcomes.reached.trial == outcome.trial_id
        has_all = outcomes.ended_count == self._context.max_trials or outcomes.has_all()
        return has_all and outcomes.last_ended == outcome.trial_id

    def _alert(self) -> alerts.Alert | None:
        """The alert at the end of the last trial of the search, once in a search."""
        outcomes = self._outcomes
        if self._alert_sent:
            return None
        self._alert_sent = True
        return alerts.search_ended(
            self.group.name,
            outcomes.ended_count,
            outcomes.failures,
            self._best_in_words,
            reached=outcomes.reached is not None,
        )

    @property
    def _best_in_words(self) -> str:
        metrics, configurations = self._context.metrics, self._context.configurations
        if configurations is not None:
            configuration = configurations.best()
            return "" if configuration is None else best_in_words(configuration, metrics[0])
        best = None if self._outcomes.best is None else self._outcomes.best.result()
        if best is None or best.value is None:
            return ""
        return f"the best is trial {best.number}: {metrics[0].name} {best.value:.6g}"

    def _complete_history(self, trials: Sequence[Trial]) -> None:
        """Complete the runs of trials that ended in an earlier session, once in a session."""
        if self._history_complete:
            return
        self._history_complete = True
        self.manager.prepare_history()
        ended = [trial for trial in trials if self._has_ended_here(trial)]
        for trial in ended:
            start = partial(self._start, trial, 1, _nothing)
            self.manager.complete(trial.trial_id, start, self._end(trial))
        self._best_model.repeat()

    def _has_ended_here(self, trial: Trial) -> bool:
        """Whether a trial ended in an earlier session of this driver."""
        ended = trial.status in (Trial.TERMINATED, Trial.ERROR)
        # Ended, the run of a trial that another driver runs again would hold its number.
        is_own = not self._outcomes.of(trial.trial_id).ended_elsewhere
        return ended and is_own and trial.trial_id not in self._runs
