"""What the W&B runs of a search need to know about the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import configuration_name
from pcsearch.tracking.content.files import Artifacts
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.server.registration import LONGEST_GROUP

TRIAL = "trial"
"""The job type of a run, unless the user chooses another."""
LONGEST_PART = 32
"""What is left of a long group's name for that of a part."""


@dataclass(frozen=True)
class RunGroup:
    """What all runs of a search have in common.

    Args:
        project: of W&B.
        entity: the user or team, None for W&B's default.
        name: the experiment's; of a single run its group, empty without one.
        directory: the experiment's, or a single run's. W&B's files go to its folder ``wandb``.
        tags: of every run.
        notes: of every run.
        sweep_id: of the W&B sweep that the runs belong to, None without a sweep.
        address: the experiment's directory as the user writes it, possibly an address.
        job_type: of every run.
    """

    project: str
    entity: str | None
    name: str
    directory: Path
    tags: tuple[str, ...] = ()
    notes: str | None = None
    sweep_id: str | None = None
    address: str = ""
    job_type: str = TRIAL

    def of(self, configuration: int | None) -> RunGroup:
        """What the runs of a configuration have in common; None for those of all."""
        return self if configuration is None else self.named(configuration_name(configuration))

    def named(self, part: str) -> RunGroup:
        """What a part of the runs have in common, whose group has the name of the part too."""
        return replace(self, name=f"{self.name[: LONGEST_GROUP - LONGEST_PART]}, {part}")


@dataclass(frozen=True)
class RunContext:
    """What a run shows of its search.

    Args:
        metrics: what the trials are compared by.
        searched: the names of the parameters that differ from trial to trial.
        max_trials: how many trials there are at most, None without a limit.
        effective_config: turns a trial's values into all settings, plain as in JSON.
        artifacts: whether models are kept at W&B.
        artifact_files: as of `Workload`.
        configurations: where seeds are replicates; None else.
    """

    metrics: Sequence[Metric]
    searched: Sequence[str]
    max_trials: int | None
    effective_config: Callable[[Mapping[str, Any]], dict[str, Any]]
    artifacts: Artifacts = "none"
    artifact_files: Sequence[str] = ()
    configurations: LiveConfigurations | None = None


def _record_nothing(*_: Any) -> None:
    """For a search that is never resumed."""


@dataclass(frozen=True)
class RunHistory:
    """What the earlier sessions of a search have written about its runs.

    Args:
        trials: the ids of the trials that have started.
        complete: the last step of each run that was ended with nothing missing, by trial id.
        alert_sent: whether the user was sent the alert about the end of the search.
        record_complete: writes down the id and the last step of a run that was ended with nothing
            missing. Called in any thread.
        record_alert: writes down that the alert about the end of the search is sent; whether it
            is at the server, and not only in a file. Called in any thread.
    """

    trials: frozenset[str] = frozenset()
    complete: Mapping[str, int] = field(default_factory=dict)
    alert_sent: bool = False
    record_complete: Callable[[str, int], None] = _record_nothing
    record_alert: Callable[[bool], None] = _record_nothing


@dataclass(frozen=True)
class RunsState:
    """How it is with the W&B runs of a search.

    Args:
        mode: where runs go that start now.
        waiting: how many runs have something that W&B has not taken in.
        is_cut_off: whether runs went online, and go offline because the server does not answer.
    """

    mode: Mode
    waiting: int
    is_cut_off: bool
