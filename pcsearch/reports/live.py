"""A search while it runs: a live table on a terminal, else a line for every trial that ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pcsearch.engine.experiment import Experiment
from pcsearch.engine.results import (
    TrialResult,
    best,
    epochs,
    final_value,
    trial_number,
    trial_result,
)
from pcsearch.pc.metrics import EPOCH
from pcsearch.reports.results import STATUS_STYLES, columns, number, searched

LATEST = 8
REFRESHES_A_SECOND = 2


@dataclass
class Running:
    """A trial under way."""

    number: int
    config: dict[str, Any]
    epochs: int
    epoch: int = 0
    value: float | None = None


class LiveReport(LoggerCallback):
    """Shows what Tune tells its callbacks.

    Args:
        experiment: the search.
        console: where to show it.
    """

    def __init__(self, experiment: Experiment, console: Console) -> None:
        self._experiment = experiment
        self._metric = experiment.metric
        self._console = console
        self._running: dict[str, Running] = {}
        self._ended: list[TrialResult] = []
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

    def log_trial_start(self, trial: Trial) -> None:
        """A trial has begun, or gone on."""
        config = dict(trial.config)
        epoch = int((trial.last_result or {}).get(EPOCH) or 0)
        self._running[trial.trial_id] = Running(trial_number(trial), config, epochs(config), epoch)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """A trial has reported an epoch."""
        running = self._running.get(trial.trial_id)
        if running is not None:
            running.epoch = int(result.get(EPOCH) or 0)
            value = final_value(result, self._metric.name)
            running.value = running.value if value is None else value

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """A trial has ended: by itself, by the scheduler or by an error."""
        self._running.pop(trial.trial_id, None)
        result = trial_result(trial, self._metric, ended=True)
        self._ended.append(result)
        if not self._console.is_terminal:
            value = number(result.value)
            self._console.print(
                f"trial {result.number} {result.status} after epoch {result.epoch}: "
                f"{self._metric.name} {value}; {self.headline()}",
                highlight=False,
                soft_wrap=True,
            )

    def render(self) -> RenderableType:
        """The table of the moment."""
        names = searched(self._experiment.sweep)
        shown = columns(self._metric, names)
        ended = [
            (r.number, f"{r.epoch}", r.value, r.config, r.status) for r in self._ended[-LATEST:]
        ]
        running = [
            (r.number, f"{r.epoch}/{r.epochs}", r.value, r.config, "running")
            for r in list(self._running.values())[-LATEST:]
        ]
        for trial, epoch, value, config, status in (*ended, *running):
            cells = (number(config.get(name)) for name in names)
            state = Text(status, STATUS_STYLES.get(status, "cyan"))
            shown.add_row(str(trial), number(value), epoch, *cells, state)
        return Group(shown, Text(self.headline(), "bold"))

    def headline(self) -> str:
        """How far the search is, its best so far, and the time that is left."""
        done, cap = len(self._ended), self._experiment.cap
        parts = [f"{done} of {cap} trials ended, {len(self._running)} running"]
        winner = best(self._ended, self._metric)
        if winner is not None:
            parts.append(f"best {self._metric.name} {number(winner.value)} (trial {winner.number})")
        left = self._seconds_left()
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return "; ".join(parts)

    def _seconds_left(self) -> float | None:
        """The trials that are left at the rate of this session; running ones count in part."""
        running = list(self._running.values())
        done = len(self._ended) + sum(r.epoch / r.epochs for r in running)
        if not self._ended or not done:
            return None
        return (time.monotonic() - self._since) / done * max(0.0, self._experiment.cap - done)


def duration(seconds: float) -> str:
    """Seconds as a person reads them: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
