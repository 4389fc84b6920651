"""What a run begins and ends with, as the search hands it over, and what is kept between."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial

from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.content.vode_charts import VodeTrends
from pcsearch.tracking.runs.run import WandbRun

STATUS = "trial_status"
STATUSES = {
    "stopped": "stopped early by the scheduler",
    "ended": "ended: another trial reached the target",
    "user": "stopped from W&B",
}
"""How trials have ended that neither finished, diverged, failed nor were interrupted."""


@dataclass(frozen=True)
class Beginning:
    """What a run begins with.

    Args:
        run_id: the trial's id.
        name: as W&B shows it.
        config: its settings.
        folders: of the trial on this machine, the one in the experiment's directory first.
        stop: what W&B's Stop button does.
        next_step: as in `WandbRun`.
    """

    run_id: str
    name: str
    config: Mapping[str, Any]
    folders: tuple[Path, ...]
    stop: Callable[[], None]
    next_step: int = 0


@dataclass(frozen=True)
class Ending:
    """What a run ends with.

    Args:
        summary: values of its summary.
        exit_code: 0 where the trial has done what it should.
        charts: whether the run is complete, and gets its charts.
        checkpoint: the folder of the trial's checkpoint where it is to be kept in W&B.
        best: whether that is the best model of the search so far.
        alert: what W&B tells the user at this point.
    """

    summary: Mapping[str, Any]
    exit_code: int
    charts: bool = False
    checkpoint: Path | None = None
    best: bool = False
    alert: Alert | None = None


@dataclass
class Kept:
    """A run that is kept, for the writer's thread only; no run where W&B failed to start it."""

    beginning: Beginning
    run: WandbRun | None = None
    trends: VodeTrends = field(default_factory=VodeTrends)
    config: dict[str, Any] = field(default_factory=dict)


def trial_name(trial: Trial) -> str:
    """The trial's directory where the search names it, else its number."""
    if trial.custom_dirname:
        return str(trial.custom_dirname)
    number = re.match(r"\d+", trial.experiment_tag or "")
    return f"trial-{int(number[0]):04d}" if number else str(trial.trial_id)
