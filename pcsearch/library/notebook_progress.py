"""The progress of a search in a notebook: a bar, a line, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune import Callback

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.page.html import Html, tag
from pcsearch.reports.screen.best import Best, BestSoFar

PAUSE_S = 0.5
"""Between two updates."""


class NotebookProgress(Callback):
    """A callback of Tune that shows the progress of a search in a notebook.

    Args:
        experiment: the search.
        outcomes: of its trials.
        update: shows another progress.
    """

    def __init__(
        self, experiment: Experiment, outcomes: Outcomes, update: Callable[[Html], None]
    ) -> None:
        self._experiment = experiment
        self._outcomes = outcomes
        self._best = BestSoFar(experiment, outcomes)
        self._update = update
        self._shown_at = 0.0

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Show the progress, if some time has passed."""
        if time.monotonic() >= self._shown_at + PAUSE_S:
            self.show()

    def show(self) -> None:
        """Show the progress."""
        self._shown_at = time.monotonic()
        self._update(progress_html(self._experiment, self._outcomes, self._best.now()))


def progress_html(experiment: Experiment, outcomes: Outcomes, best: Best | None) -> Html:
    """The progress of a search as a bar and a line."""
    done, cap = outcomes.ended_count, experiment.cap
    text = f" {done} of {cap} trials ended"
    if best is not None:
        text += f"; {best.in_words(experiment.metrics[0].name)}"
    return tag("div", tag("progress", value=str(done), max=str(cap)), text)
