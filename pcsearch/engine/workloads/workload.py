"""The interface of what trials run: the PC transformer, a program, or a function of the user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.user_code import Code
from pcsearch.errors import Problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Trainable = Callable[[dict[str, Any]], Any]
"""A function of a trial's values; Tune calls it in a process for trials."""


@dataclass(frozen=True)
class SearchContext:
    """What a trainable needs to know about its search.

    Args:
        folder: where the search was started: relative paths start there.
        storage_path: of the experiment's directory, in its storage.
        storage_filesystem: of that path, None for the file system of each machine.
        checkpoint_every: a trial saves its state after each such number of epochs.
        compiled: whether trials may run code that is compiled on their nodes.
        program: what programs are told by those who follow what they log.
    """

    folder: Path
    storage_path: str
    storage_filesystem: FileSystem | None = None
    checkpoint_every: int = 1
    compiled: bool = True
    program: ProgramTracking = field(default_factory=ProgramTracking)


def counted_in(epoch_key: str | None) -> str:
    """What the numbers of rungs count where trials are not ours, in words."""
    return "reports with the metric" if epoch_key is None else f"the values of {epoch_key}"


class Workload(ABC):
    """What the trials of a search run."""

    time_attr: ClassVar[str]
    """The key of a report with the number of its epoch, from 1."""
    runs_program: ClassVar[bool] = False
    """Whether trials run the program of the sweep file."""
    draws_in_plan: ClassVar[int] = 0
    """How many of the first configurations a plan shows where nobody says how many."""
    model_file: ClassVar[str | None] = None
    """The file that a checkpoint has if it is the best of its trial so far, with the model in it;
    None where the whole checkpoint is the model."""
    artifact_files: ClassVar[tuple[str, ...]] = ()
    """The files of a checkpoint of which W&B keeps the first that is there, and no other; it keeps
    the whole checkpoint where none is."""

    @property
    def epoch_key(self) -> str | None:
        """The name in a report by which trials say their epoch, None where they do not."""
        return None

    @property
    def counted(self) -> str:
        """What the numbers of rungs count, in words."""
        return "epochs"

    def describe(self) -> str:
        """What trials run, in words; empty for the PC transformer."""
        return ""

    def command_line(self, sweep: Sweep, values: Mapping[str, Any]) -> str:
        """The command that a trial of these values runs, empty where it runs none."""
        return ""

    @property
    def tracks_itself(self) -> bool:
        """Whether trials keep their runs at W&B by themselves."""
        return False

    @property
    def code(self) -> Code | None:
        """What nodes need of the user, None where that is nothing."""
        return None

    @abstractmethod
    def numeric(self, name: str) -> bool:
        """Whether the parameter of a name is a number."""

    @abstractmethod
    def whole(self, name: str) -> bool:
        """Whether the parameter of a name is a whole number."""

    @abstractmethod
    def check(self, sweep: Sweep) -> None:
        """Check that trials can run a sweep's configurations.

        Raises:
            PcsearchError: everything in the sweep that cannot work.
        """

    @abstractmethod
    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """What is wrong with parameters, each looked at alone."""

    @abstractmethod
    def default_metrics(self) -> tuple[Metric, ...]:
        """The metrics that trials are compared by where the sweep names none."""

    @abstractmethod
    def max_epochs(self, sweep: Sweep) -> int | None:
        """The epochs of the longest trial of a sweep, None where they are not known."""

    @abstractmethod
    def epochs(self, values: Mapping[str, Any]) -> int | None:
        """The epochs of a trial of these values when nothing stops it, None where not known."""

    @abstractmethod
    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's values with every default, as JSON can have them."""

    def check_files(self, sweep: Sweep, folder: Path) -> None:  # noqa: B027 - most need no file
        """Check that the files are there that trials need, without reading much of them.

        Args:
            sweep: of the search.
            folder: where the search was started: relative paths start there.

        Raises:
            PcsearchError: they are not there, or do not fit the sweep.
        """

    @abstractmethod
    def prepare(self, sweep: Sweep, folder: Path) -> tuple[str, ...]:
        """Get what trials need, such as an image set, before any trial starts.

        Returns:
            Lines for the user.

        Raises:
            PcsearchError: it cannot be got.
        """

    @abstractmethod
    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Check that trials of a sweep get the GPUs that they ask for.

        Raises:
            PcsearchError: they get none.
        """

    def notes(self, compiled: bool) -> tuple[str, ...]:
        """Lines that the user should read before trials start.

        Args:
            compiled: whether trials may run compiled code.
        """
        return ()

    def damage(self, checkpoint: Path) -> str:
        """What is wrong with a checkpoint's folder, an empty string where nothing is."""
        return "" if checkpoint.is_dir() else "it is missing"

    def worker_packages(self, sweep: Sweep) -> Mapping[str, str]:
        """The packages that trials import besides ray, torch and numpy, and what to do without."""
        return {}

    def worker_paths(self, sweep: Sweep, folder: Path) -> Sequence[str]:
        """The files and folders of the user that trials read, as absolute paths.

        Args:
            sweep: of the search.
            folder: where the search was started: relative paths start there.
        """
        return ()

    @abstractmethod
    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], context: SearchContext
    ) -> Trainable:
        """The function that a trial runs.

        Args:
            sweep: of the search.
            metrics: that the function has to report where the search compares trials.
            context: of the search.
        """
