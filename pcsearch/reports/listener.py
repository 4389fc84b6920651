"""Who is told what a session of a search does: the terminal of a command, or a program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.tune import Callback

    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.experiment.experiment import Experiment
    from pcsearch.engine.records.outcomes import Outcomes
    from pcsearch.tracking.runs.context import RunsState


class Listener(ABC):
    """What a session tells; lines may come from several threads."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Take a line about what the session does."""

    @abstractmethod
    def warn(self, *texts: str) -> None:
        """Take the lines that are not empty, which the user should not miss."""

    @abstractmethod
    def progress(
        self, experiment: Experiment, outcomes: Outcomes, wandb: Callable[[], RunsState]
    ) -> AbstractContextManager[Callback]:
        """Show how far a search is, during the block, with a callback of Tune.

        Args:
            experiment: the search.
            outcomes: of its trials.
            wandb: gives the state of W&B's runs.
        """

    @abstractmethod
    def conclude(self, experiment: Experiment, result: SessionResult) -> None:
        """Take what the search has come to; W&B may not have all of it yet."""

    @abstractmethod
    def advise(self, text: str) -> None:
        """Take a last line: what the user can do after the session."""
