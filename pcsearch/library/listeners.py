"""What a program sees of a search that it runs: plain lines, or a display in its notebook."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.page.html import Html, joined, tag
from pcsearch.reports.listener import Listener
from pcsearch.reports.terminal import Terminal

if TYPE_CHECKING:
    from ray.tune import Callback

    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.tracking.runs.context import RunsState


def listener_of(progress: bool) -> Listener:
    """What a program sees of a search.

    Args:
        progress: whether it sees more than warnings.
    """
    is_notebook = in_notebook()
    if is_notebook:
        with without_advice():
            # It imports what advises, once in a process, and the search needs it.
            import ray.tune  # noqa: F401
    if not progress:
        return Quiet()
    return Notebook() if is_notebook else Script()


def in_notebook() -> bool:
    """Whether the program is a notebook, which can show HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


@contextmanager
def without_advice() -> Iterator[None]:
    """Let Ray and tqdm not advise to install ipywidgets during the block: nothing here needs it.

    The log level and the warnings are the program's own; they are as before when it ends.
    """
    logger = logging.getLogger("ray.widgets.util")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")
            yield
    finally:
        logger.setLevel(level)


class Script(Terminal):
    """The terminal of a program: lines and progress as of a command, but no results."""

    def conclude(self, experiment: Experiment, result: SessionResult) -> None:
        """Nothing: the program gets the results."""


class Quiet(Script):
    """Warnings alone."""

    def say(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def progress(
        self, experiment: Experiment, outcomes: Outcomes, wandb: Callable[[], RunsState]
    ) -> Iterator[Callback]:
        """Show nothing."""
        from ray.tune import Callback

        yield Callback()

    def advise(self, text: str) -> None:
        """Nothing."""


class Notebook(Listener):
    """A display in a notebook's cell: the progress of the search, and all lines below it."""

    def __init__(self) -> None:
        from IPython import display

        self._display: Any = display
        self._lines: list[Html] = []
        self._progress = Html("")
        self._handle: Any = self._display.display(self._display.HTML(""), display_id=True)

    def say(self, text: str) -> None:
        """Add a line."""
        self._add(tag("div", text))

    def warn(self, *texts: str) -> None:
        """Add the lines that are not empty, as warnings."""
        for text in filter(None, texts):
            self._add(tag("div", tag("b", "Warning: "), text))

    @contextmanager
    def progress(
        self, experiment: Experiment, outcomes: Outcomes, wandb: Callable[[], RunsState]
    ) -> Iterator[Callback]:
        """Show how many trials have ended, and the best so far."""
        from pcsearch.library.notebook_progress import NotebookProgress

        callback = NotebookProgress(experiment, outcomes, self.show_progress)
        callback.show()
        try:
            yield callback
        finally:
            callback.show()

    def conclude(self, experiment: Experiment, result: SessionResult) -> None:
        """Nothing: the program gets the results."""

    def advise(self, text: str) -> None:
        """Add a line."""
        self.say(text)

    def show_progress(self, progress: Html) -> None:
        """Show another progress."""
        self._progress = progress
        self._update()

    def _add(self, line: Html) -> None:
        self._lines.append(line)
        self._update()

    def _update(self) -> None:
        lines = tag("div", *self._lines, style="font-size: smaller")
        self._handle.update(self._display.HTML(joined([self._progress, lines])))
