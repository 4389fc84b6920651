"""The W&B run of a model that is trained by itself: it has what the run of a trial has."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.workloads.pc_transformer import DEFAULT_METRIC
from pcsearch.pc.config import ModelConfig
from pcsearch.tracking.content.files import Artifacts, ModelFiles
from pcsearch.tracking.runs.context import RunGroup, RunHistory
from pcsearch.tracking.runs.lifecycle import (
    RunEnd,
    RunStart,
    best_summary,
    ended_run,
    interrupted_run,
)
from pcsearch.tracking.runs.manager import RunManager
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.server.mode import Requested, WandbMode, resolve
from pcsearch.tracking.server.notes import notes_for_single_run
from pcsearch.tracking.server.settings import (
    DEFAULT_PROJECT,
    UserSettings,
    check_project,
    read_settings,
)
from pcsearch.tracking.wandb_internals import load_client

JOB_TYPE = "train"


@dataclass(frozen=True)
class RunOptions:
    """What the command line says of the W&B run; None and empty leave it to W&B's settings.

    Args:
        wandb: where the run goes.
        project: of W&B.
        entity: the user or team.
        name: as W&B shows it.
        group: what W&B groups the run by.
        tags: of the run.
        artifacts: whether the model is kept at W&B.
    """

    wandb: Requested = "disabled"
    project: str | None = None
    entity: str | None = None
    name: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    artifacts: Artifacts = "none"


@dataclass(frozen=True)
class RunPlan:
    """Which run it is, and where it goes.

    Args:
        options: of the command line.
        settings: the user's for W&B.
        mode: where the run goes.
        notes: lines about settings that are not used.
        run_id: W&B's.
        folder: the run's own, for all its files.
    """

    options: RunOptions
    settings: UserSettings
    mode: WandbMode
    notes: tuple[str, ...]
    run_id: str
    folder: Path


def in_agent() -> bool:
    """Whether an agent of W&B has started this process, for a run of a sweep."""
    return bool(os.environ.get("WANDB_SWEEP_ID", "").strip())


def plan_run(options: RunOptions, output: Path, time: str) -> RunPlan:
    """Decide which run it is and where it goes. In an agent of W&B it is the agent's run.

    Args:
        options: of the command line.
        output: the folder of all runs.
        time: of the start, for the name of the run's folder.

    Raises:
        PcsearchError: ``online`` is requested and is not possible.
    """
    # Where nothing is logged, W&B's client is not imported.
    settings = UserSettings() if options.wandb == "disabled" else read_settings()
    check_project(settings.choose("project", options.project))
    mode = resolve(options.wandb)
    run_id = (settings.text("run_id") if in_agent() else None) or secrets.token_hex(4)
    notes = tuple(notes_for_single_run(mode, in_agent()))
    return RunPlan(options, settings, mode, notes, run_id, output / f"{time}_{run_id}")


class SingleRun:
    """The W&B run of one training run. Its methods return at once, and threads do the work.

    An error of W&B does not end the training: it is told.

    Args:
        plan: which run it is.
        config: what is trained.
        tell: tells the user a problem with W&B, one line. Called in any thread.
    """

    def __init__(self, plan: RunPlan, config: ModelConfig, tell: Callable[[str], None]) -> None:
        load_client()
        values = config.model_dump(mode="json")
        self._id = plan.run_id
        self._outcomes = Outcomes([DEFAULT_METRIC], epochs=lambda _: config.epochs)
        self._outcome = self._outcomes.begin(plan.run_id, 1, values)
        best, epoch = (DEFAULT_METRIC.name,), self._outcomes.epoch
        self.manager = RunManager(
            _group(plan), plan.mode.mode, best, epoch, RunHistory(), Problems(tell)
        )
        """Has the run, and tells what went wrong with it."""
        start = RunStart(
            plan.run_id,
            _name(plan),
            {"experiment_dir": str(plan.folder), **values},
            (plan.folder,),
            self._outcome.stop_by_user,
        )
        self._run = self.manager.open(start)
        self._ended = False

    @property
    def stop_requested(self) -> bool:
        """Whether the user has asked to stop the run, from W&B."""
        return self._outcome.stop_requested

    def stop(self) -> None:
        """Note that W&B's agent has stopped the run."""
        self._outcome.stop_by_user()

    def add(self, metrics: Mapping[str, Any], pictures: Mapping[str, str]) -> None:
        """Add an epoch to the history.

        Args:
            metrics: by name.
            pictures: by name, files relative to the run's folder.
        """
        report = {**metrics, **pictures, "hostname": socket.gethostname()}
        before = self._outcome.best
        self._outcome.add(report)
        improved = self._outcome.best != before
        self.manager.send(self._run, report, best_summary(self._outcome) if improved else {})

    def end(self, kept: ModelFiles | None = None) -> None:
        """End the run of a training that has ended.

        Args:
            kept: what W&B is to keep, None for nothing.
        """
        self._close(ended_run(self._outcomes.end(self._id), kept))

    def fail(self, error: BaseException) -> None:
        """End the run of a training that an error or Ctrl-C has ended."""
        if isinstance(error, Exception):
            outcome = self._outcomes.end(self._id, f"{type(error).__name__}: {error}")
            self._close(ended_run(outcome))
        else:
            self._close(interrupted_run(self._outcome))

    def _close(self, end: RunEnd) -> None:
        if not self._ended:
            self._ended = True
            self.manager.close(self._run, end)


def _group(plan: RunPlan) -> RunGroup:
    options, settings = plan.options, plan.settings
    of_run = settings.of_runs()
    return RunGroup(
        settings.choose("project", options.project) or DEFAULT_PROJECT,
        settings.choose("entity", options.entity),
        settings.choose("run_group", options.group) or "",
        plan.folder,
        options.tags or tuple(of_run.get("tags", ())),
        of_run.get("notes"),
        settings.text("sweep_id"),
        job_type=of_run.get("job_type", JOB_TYPE),
    )


def _name(plan: RunPlan) -> str | None:
    """The run's name; W&B gives names to the runs of its agents."""
    name = plan.settings.choose("run_name", plan.options.name)
    return name or (None if plan.settings.text("sweep_id") else plan.folder.name)
