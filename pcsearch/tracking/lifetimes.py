"""What a run begins and ends with, as the search hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.tracking.alerts import Alert


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
