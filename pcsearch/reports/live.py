"""Shows a running search: a live screen on a terminal, elsewhere lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec

from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from rich.text import Text

from pcsearch.engine.cluster.usage import Usage
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import measured as value_in
from pcsearch.engine.records.report import not_numbers, numbers_of_trial
from pcsearch.reports.notes import Notes, say
from pcsearch.reports.results import number
from pcsearch.reports.screen.frame import frame
from pcsearch.reports.screen.line import headline, measured, summary
from pcsearch.reports.screen.state import SearchState
from pcsearch.reports.screen.terminal import screen
from pcsearch.reports.screen.view import View
from pcsearch.system.repeated import repeated
from pcsearch.tracking.runs.context import RunsState

SUMMARY_EVERY_S = 60.0
LONGEST_VALUE = 60

_Given = ParamSpec("_Given")


def _harmless(method: Callable[_Given, None]) -> Callable[_Given, None]:
    """Let a method drop its errors: Tune would take one for that of the trial, and end it."""

    @wraps(method)
    def call(*args: _Given.args, **options: _Given.kwargs) -> None:
        with suppress(Exception):
            method(*args, **options)

    return call


class LiveReport(LoggerCallback):
    """A callback of Tune that shows the search on the terminal.

    On a terminal there is a live screen, elsewhere a line for each trial that ends and a summary
    every minute; nothing of it where the session is quiet. A verbose session has a line for each
    report.

    Args:
        experiment: the search.
        outcomes: of its trials.
        notes: where it is shown; has the last warnings.
        wandb: gives the state of W&B's runs.
        usage: knows what of the cluster is in use.
    """

    def __init__(
        self,
        experiment: Experiment,
        outcomes: Outcomes,
        notes: Notes,
        wandb: Callable[[], RunsState],
        usage: Usage | None = None,
    ) -> None:
        self._experiment, self._outcomes, self._notes = experiment, outcomes, notes
        self._usage = usage or Usage()
        self._state = SearchState(experiment, outcomes, wandb)
        self._has_screen = notes.console.is_interactive and not notes.quiet
        self._noted: set[str] = set()
        self._started = False

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the search during the block."""
        self._state.begin_session()
        with ExitStack() as stack:
            if not self._notes.quiet:
                stack.enter_context(self._usage.watched())
                stack.enter_context(
                    screen(self._draw, self._notes.console)
                    if self._has_screen
                    else repeated(self._tell_summary, SUMMARY_EVERY_S, "summary")
                )
            yield

    def view(self) -> View:
        """What there is to show now."""
        return self._state.view(self._usage.newest, tuple(self._notes.warnings))

    @_harmless
    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Add the trials that ended in earlier sessions, once, at the first step."""
        if self._experiment.resumed and trials and not self._started:
            self._started = True
            self._state.add_earlier()

    @_harmless
    def log_trial_start(self, trial: Trial) -> None:
        """Show a trial that has started or was restored."""
        epoch = self._outcomes.epoch(trial.last_result or {})
        self._state.start(trial.trial_id, trial.config, epoch)

    @_harmless
    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Show a running trial's newest epoch and values."""
        outcome = self._outcomes.of(trial.trial_id)
        self._state.report(outcome)
        self._note_texts(outcome)
        if self._experiment.options.verbose:
            say(self._notes.console, _report_line(outcome))

    @_harmless
    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Show a trial that has ended; without a screen, print its line."""
        outcome = self._outcomes.of(trial.trial_id)
        self._state.end(outcome)
        if not self._has_screen:
            result = outcome.result()
            line = f"trial {result.number} {result.status} after epoch {result.epoch}"
            if result.values:
                line += f": {measured(self._experiment.metrics, result.values)}"
                line += f"; {headline(self.view())}"
            self._notes.say(line)

    def _draw(self, width: int, height: int, plain: bool) -> list[Text]:
        return frame(self.view(), width, height, plain)

    def _tell_summary(self) -> None:
        self._notes.say(summary(self.view()))

    def _note_texts(self, outcome: TrialOutcome) -> None:
        """Tell of values that are no numbers, once for each name in a report."""
        report = outcome.last_report
        for name in not_numbers(report, self._experiment.metrics):
            if name not in self._noted:
                self._noted.add(name)
                value = report.get(name)
                kind = "text" if isinstance(value, str) else "something that is no number"
                shown = repr(value)
                if len(shown) > LONGEST_VALUE:
                    shown = f"{shown[:LONGEST_VALUE]}..."
                self._notes.warn(f"trial {outcome.number} reports {name} as {kind}: {shown}")


def _report_line(outcome: TrialOutcome) -> str:
    """A report: the metrics of the search, or all numbers where it has none."""
    report, names = outcome.last_report, [metric.name for metric in outcome.metrics]
    pairs = ((name, value_in(report, name)) for name in names or numbers_of_trial(report))
    values = ", ".join(f"{name} {number(value)}" for name, value in pairs)
    return f"trial {outcome.number} epoch {outcome.epoch}: {values}".removesuffix(": ")
