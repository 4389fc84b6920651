"""Shows a running search: a live table on a terminal, elsewhere a line for each ended trial."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcome import Outcomes, TrialOutcome
from pcsearch.engine.records.report import measured, not_numbers
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.reports.results import STATUS_STYLES, cells, columns, duration, number

LATEST = 8
REFRESHES_A_SECOND = 2
LONGEST_VALUE = 60


@dataclass
class Running:
    """A running trial, as the live table shows it."""

    number: int
    config: dict[str, Any]
    epochs: int | None
    epoch: int
    values: list[float | None]
    epoch_before: int = 0

    @property
    def progress(self) -> str:
        """Its epochs so far, such as ``3/20``, or ``3`` where their number is unknown."""
        return f"{self.epoch}/{self.epochs}" if self.epochs is not None else str(self.epoch)

    @property
    def share(self) -> float:
        """The part of its epochs that is done, from 0 to 1; 0 where their number is unknown."""
        return self.epoch / self.epochs if self.epochs else 0.0

    @property
    def share_before(self) -> float:
        """The part of its epochs that an earlier session has done, from 0 to 1."""
        return self.epoch_before / self.epochs if self.epochs else 0.0


class LiveReport(LoggerCallback):
    """A callback of Tune that shows the search on the terminal.

    Args:
        experiment: the search.
        outcomes: of its trials.
        console: where to show it.
    """

    def __init__(self, experiment: Experiment, outcomes: Outcomes, console: Console) -> None:
        self._experiment = experiment
        self._outcomes = outcomes
        self._metrics = experiment.metrics
        self._console = console
        self._running: dict[str, Running] = {}
        self._latest: deque[TrialResult] = deque(maxlen=LATEST)
        self._ended_before = outcomes.ended_count
        self._noted: set[str] = set()
        self._started = False
        self._since = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the live table during the block, where the console is a terminal."""
        self._since = time.monotonic()
        if not self._console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=REFRESHES_A_SECOND,
            transient=True,
        ):
            yield

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Add the trials that ended in earlier sessions, once, at the first step."""
        if self._experiment.resumed and trials and not self._started:
            self._started = True
            self._latest.extend(each.result() for each in self._outcomes if each.ended)

    def log_trial_start(self, trial: Trial) -> None:
        """Show a trial that has started or was restored."""
        outcome = self._outcomes.of(trial.trial_id)
        epoch = self._outcomes.epoch(trial.last_result or {})
        nothing: list[float | None] = [None] * len(self._metrics)
        running = Running(outcome.number, dict(trial.config), outcome.epochs, epoch, nothing, epoch)
        self._running[trial.trial_id] = running

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Show a running trial's newest epoch and values."""
        running = self._running.get(trial.trial_id)
        if running is not None:
            outcome = self._outcomes.of(trial.trial_id)
            running.epoch = outcome.epoch
            for index, metric in enumerate(self._metrics):
                value = measured(outcome.last_report, metric.name)
                running.values[index] = running.values[index] if value is None else value
            self._note_texts(outcome)

    def _note_texts(self, outcome: TrialOutcome) -> None:
        """Tell of values that are no numbers, once for each name in a report."""
        report = outcome.last_report
        for name in not_numbers(report, self._metrics):
            if name not in self._noted:
                self._noted.add(name)
                value = report.get(name)
                kind = "text" if isinstance(value, str) else "something that is no number"
                shown = repr(value)
                if len(shown) > LONGEST_VALUE:
                    shown = f"{shown[:LONGEST_VALUE]}..."
                line = f"trial {outcome.number} reports {name} as {kind}: {shown}"
                self._console.print(
                    line, style="yellow", highlight=False, soft_wrap=True, markup=False
                )

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Show a trial that has ended; without a terminal, print its line."""
        self._running.pop(trial.trial_id, None)
        result = self._outcomes.of(trial.trial_id).result()
        self._latest.append(result)
        if not self._console.is_terminal:
            pairs = zip(self._metrics, result.values, strict=True)
            values = ", ".join(f"{metric.name} {number(value)}" for metric, value in pairs)
            end = f"trial {result.number} {result.status} after epoch {result.epoch}"
            line = f"{end}: {values}; {self.headline()}" if values else end
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def render(self) -> RenderableType:
        """The live table as it is now."""
        searched = self._experiment.sweep.searched()
        shown = columns(self._metrics, searched)
        for ended in self._latest:
            row = cells(ended.number, ended.values, str(ended.epoch), ended.config, searched)
            shown.add_row(*row, Text(ended.status, STATUS_STYLES[ended.status]))
        for running in list(self._running.values())[-LATEST:]:
            row = cells(running.number, running.values, running.progress, running.config, searched)
            shown.add_row(*row, Text("running", "cyan"))
        return Group(shown, Text(self.headline(), "bold"))

    def headline(self) -> str:
        """One line: the trials so far, the best value, and the time that is left."""
        done, cap = self._outcomes.ended_count, self._experiment.cap
        parts = [f"{done} of {cap} trials ended, {len(self._running)} running"]
        winner = self._outcomes.best
        if winner is not None:
            name, value = self._metrics[0].name, winner.values[0]
            parts.append(f"best so far {number(value)} ({name}, trial {winner.number})")
        left = self._seconds_left()
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return "; ".join(parts)

    def _seconds_left(self) -> float | None:
        """The seconds that the remaining trials need at the rate of this session, None if unknown.

        A running trial counts as the part of its epochs that is done.
        """
        running = list(self._running.values())
        ended = self._outcomes.ended_count - self._ended_before
        done = ended + sum(r.share - r.share_before for r in running)
        left = self._experiment.cap - self._outcomes.ended_count - sum(r.share for r in running)
        if ended <= 0 or done <= 0 or left <= 0:
            return None
        return (time.monotonic() - self._since) / done * left
