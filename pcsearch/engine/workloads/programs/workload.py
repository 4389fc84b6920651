"""Trials that run the program of the sweep file, as W&B's agent would: ``--trainable program``."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.engine.workloads.programs.follower import WANDB
from pcsearch.engine.workloads.programs.location import missing_command
from pcsearch.engine.workloads.programs.trial import ProgramTrial, of_user
from pcsearch.engine.workloads.user_code import Code
from pcsearch.engine.workloads.workload import SearchContext, Trainable, Workload, counted_in
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.program import Program
from pcsearch.sweeps.sweep import Sweep

NAME = "program"
"""The value of ``--trainable`` that names it."""


@dataclass(frozen=True)
class ProgramWorkload(Workload):
    """Trials that run the program of the sweep file in a process of its own.

    An epoch is a report with a metric of the search, as at W&B.

    Args:
        word: what stands for ``${program}`` in the command.
        folder: where the search was started, and where trials run.
        grace: how many seconds a program may take to end after SIGTERM.
        metrics_from: where metrics are read from: ``wandb``, ``stdout`` or a file's name.
        epoch_key: the name in a report by which trials say their epoch.
    """

    time_attr: ClassVar[str] = "training_iteration"
    runs_program: ClassVar[bool] = True
    draws_in_plan: ClassVar[int] = 3
    word: str
    folder: Path
    grace: float = 30.0
    metrics_from: str = WANDB
    epoch_key: str | None = None

    @property
    def counted(self) -> str:
        """Reports with the metric, or what the key of the epoch says."""
        return counted_in(self.epoch_key)

    @property
    def code(self) -> Code:
        """The folder of the program, which nodes need."""
        return Code(self.folder, self.word)

    @property
    def tracks_itself(self) -> bool:
        """Whether the program keeps its run at W&B by itself."""
        return self.metrics_from == WANDB

    def describe(self) -> str:
        """The program's name."""
        return f"the program {self.word}".rstrip()

    def numeric(self, name: str) -> bool:
        """False: a program gets texts as the file has them."""
        return False

    def whole(self, name: str) -> bool:
        """False, as at W&B."""
        return False

    def check(self, sweep: Sweep) -> None:
        """Check that the file has a program, and that its command can be run.

        Raises:
            PcsearchError: it has none, or the command cannot.
        """
        words = self.words(sweep, {}, "values.json")
        problem = missing_command(program_of(sweep), words, self.folder)
        if problem is not None:
            raise PcsearchError(problem)

    def words(self, sweep: Sweep, values: Mapping[str, Any], json_file: str) -> list[str]:
        """The command of a trial, as W&B's agent runs it.

        Args:
            sweep: of the search.
            values: of the trial.
            json_file: the path for ``${args_json_file}``.

        Raises:
            PcsearchError: the file has no program.
        """
        return self._words(sweep, values, json_file, os.environ)

    def _words(
        self,
        sweep: Sweep,
        values: Mapping[str, Any],
        json_file: str,
        environment: Mapping[str, str] | None,
    ) -> list[str]:
        plain = json.loads(json.dumps(values))
        return program_of(sweep).words(plain, self.word, json_file, environment)

    def command_line(self, sweep: Sweep, values: Mapping[str, Any]) -> str:
        """The command of a trial on a line, for people.

        ``${envvar:NAME}`` stays as it is: the variable may be a secret.
        """
        return shlex.join(self._words(sweep, values, "values.json", None))

    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """None: a program may have any parameters."""
        return []

    def default_metrics(self) -> tuple[Metric, ...]:
        """None: what a program logs is not known."""
        return ()

    def max_epochs(self, sweep: Sweep) -> None:
        """None: nobody knows."""

    def epochs(self, values: Mapping[str, Any]) -> None:
        """None: nobody knows."""

    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values: a program's defaults are not known."""
        return dict(values)

    def prepare(self, sweep: Sweep, folder: Path) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Nothing: what a program needs is not known."""

    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], context: SearchContext
    ) -> Trainable:
        """The function that runs the program of a trial."""
        trial = ProgramTrial(
            program_of(sweep),
            self.word,
            self.folder,
            self.grace,
            self.metrics_from,
            tuple(metric.name for metric in metrics),
            context.storage_path,
            context.storage_filesystem,
            of_user(os.environ, program_of(sweep)),
            context.program,
            self.epoch_key,
        )

        def program(values: dict[str, Any]) -> None:
            trial.run(values)

        return program


def program_of(sweep: Sweep) -> Program:
    """The program of a sweep file.

    Raises:
        PcsearchError: the file has none.
    """
    if sweep.program is None:
        message = "the file has no program; add program: FILE.py, or leave --trainable program out"
        raise PcsearchError(Problem(message, sweep.source))
    return sweep.program
