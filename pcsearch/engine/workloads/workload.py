"""What the trials of a search run: the PC transformer, or a function of the user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.errors import Problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

Trainable = Callable[[dict[str, Any]], Any]
"""A function of a trial's values, as Tune runs it in a process of its own."""


@dataclass(frozen=True)
class Surroundings:
    """What a trainable needs to know of the search it is part of.

    Args:
        folder: where the search was started: relative paths start there.
        checkpoint_every: after how many epochs a trial's state is kept.
        compiled: whether trials may run code that is compiled on their nodes.
    """

    folder: Path
    checkpoint_every: int = 1
    compiled: bool = True


class Workload(ABC):
    """What a search asks of the thing that its trials run."""

    time_attr: ClassVar[str]
    """The key of a report that counts epochs, from 1."""

    @property
    def code(self) -> Path | None:
        """The folder of modules that the nodes of a cluster are sent, None for no such thing."""
        return None

    @abstractmethod
    def numeric(self, name: str) -> bool:
        """Whether it takes a number for the parameter of this name."""

    @abstractmethod
    def check(self, sweep: Sweep) -> None:
        """Hold a sweep to it.

        Raises:
            PcsearchError: everything that cannot work.
        """

    @abstractmethod
    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """What is wrong with parameters by themselves."""

    @abstractmethod
    def default_metrics(self) -> tuple[Metric, ...]:
        """What trials are compared by where the sweep names nothing."""

    @abstractmethod
    def max_epochs(self, sweep: Sweep) -> int | None:
        """The epochs of the longest trial of a sweep, None where nobody knows."""

    @abstractmethod
    def epochs(self, values: Mapping[str, Any]) -> int | None:
        """How many epochs a trial of these values has when nothing stops it."""

    @abstractmethod
    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's values with every default, plain as in JSON."""

    @abstractmethod
    def prepare(self, sweep: Sweep, folder: Path) -> None:
        """Get what trials need before any starts.

        Raises:
            PcsearchError: something that cannot be had.
        """

    @abstractmethod
    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Hold a sweep to the GPUs that its trials get.

        Raises:
            PcsearchError: trials that ask for one get none.
        """

    def notes(self, compiled: bool) -> tuple[str, ...]:
        """What the user should know before trials start.

        Args:
            compiled: whether trials may run compiled code.
        """
        return ()

    def damage(self, checkpoint: Path) -> str:
        """What is wrong with a checkpoint's folder, else an empty string."""
        return "" if checkpoint.is_dir() else "it is missing"

    def worker_packages(self, sweep: Sweep) -> Mapping[str, str]:
        """What trials import besides ray, torch and numpy, and what to do without it."""
        return {}

    @abstractmethod
    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], surroundings: Surroundings
    ) -> Trainable:
        """The function that Tune runs, whose reports have the metrics where they are needed."""
