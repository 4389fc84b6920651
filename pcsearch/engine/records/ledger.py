"""The ledger of a search that several drivers share: who runs which trial.

The trials of such a search have numbers that all drivers count alike. A driver claims a number
before it starts the trial. The engine knows only what is here; who keeps the ledger, and where, is
not its business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Access = Literal["open", "paused", "closed", "cancelled"]
"""Whether new trials may start; where it is ``cancelled``, running trials have to stop too."""


@dataclass(frozen=True)
class Claim:
    """The right of this driver to run a trial.

    Args:
        number: the trial's, from 1; on a grid, that of its combination.
        trial_id: the id that the trial gets.
        mark: by which the ledger knows, after a kill, whether it was this driver that got it.
    """

    number: int
    trial_id: str
    mark: str = ""


@dataclass(frozen=True)
class OtherResult:
    """The result of a trial of another driver.

    Args:
        trial_id: its id.
        config: its settings.
        values: its best of each metric of the search, None where the trial went wrong.
    """

    trial_id: str
    config: Mapping[str, Any]
    values: Sequence[float] | None


class Ledger(Protocol):
    """What the engine asks of a ledger. Nothing here waits for anybody."""

    @property
    def access(self) -> Access:
        """Whether new trials may start, as far as is known."""

    @property
    def is_ready(self) -> bool:
        """Whether `claim` has one, or there is none to wait for."""

    @property
    def is_exhausted(self) -> bool:
        """Whether no number is left for this driver, as far as is known."""

    def claim(self) -> Claim | None:
        """A claim, None where none is ready. To ask for one makes the ledger get it."""

    def note_running(self, trial_id: str) -> None:
        """Note that a trial of an earlier session runs again."""

    def new_results(self) -> Sequence[OtherResult]:
        """The results of other drivers that came since the last call."""
