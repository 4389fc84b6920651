"""What a trial's run starts with and ends with."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.pc.metrics import EARLY_STOP_REASON, SUMMARY
from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.content.files import ModelFiles

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

STATUS = "trial_status"
INTERRUPTED = "interrupted"
STOPPED = "stopped early by the scheduler"
STOPPED_BY_TARGET = "ended: another trial reached the target"
STOPPED_BY_USER = "stopped by hand"


@dataclass(frozen=True)
class RunStart:
    """What a run starts with.

    Args:
        run_id: the trial's id.
        name: as W&B shows it, None for the name that W&B gives it.
        config: the settings that W&B shows.
        folders: the trial's folders on this machine, the one in the experiment's directory first.
        stop: what W&B's Stop button does.
        next_step: the first step that the run does not have, as far as the history tells.
        configuration: the number of its configuration, whose runs W&B shows as a group; None where
            seeds are no replicates.
    """

    run_id: str
    name: str | None
    config: Mapping[str, Any]
    folders: tuple[Path, ...]
    stop: Callable[[], None]
    next_step: int = 0
    configuration: int | None = None


@dataclass(frozen=True)
class BestModelFiles:
    """The best model of a search, as W&B is to keep it.

    Args:
        kept: its files.
        metadata: what W&B shows beside it.
    """

    kept: ModelFiles
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class RunEnd:
    """What a run ends with.

    Args:
        summary: values for the run's summary.
        exit_code: 0 where the trial has not failed and was not interrupted.
        charts: whether the run is complete, and gets its charts.
        kept: what W&B is to keep, None for nothing.
        best: the best model of the search from now on, None where that stays as it was.
        alert: what W&B tells the user now, None for nothing.
        search_over: whether the alert is about the end of the search.
    """

    summary: Mapping[str, Any]
    exit_code: int
    charts: bool = False
    kept: ModelFiles | None = None
    best: BestModelFiles | None = None
    alert: Alert | None = None
    search_over: bool = True


def ended_run(
    outcome: TrialOutcome,
    kept: ModelFiles | None = None,
    about_search: dict[str, Any] | None = None,
    alert: Alert | None = None,
) -> RunEnd:
    """The end of the run of a trial that has ended, well or with an error.

    Args:
        outcome: of the trial.
        kept: what W&B is to keep, None for nothing.
        about_search: more values for the summary.
        alert: what the user is told.
    """
    ended_well = outcome.ended and not outcome.failed
    summary = end_summary(outcome, end_status(outcome)) | (about_search or {})
    return RunEnd(summary, 0 if ended_well else 1, ended_well, kept, alert=alert)


def interrupted_run(outcome: TrialOutcome) -> RunEnd:
    """The end of the run of a trial that a later session may continue."""
    return RunEnd(end_summary(outcome, INTERRUPTED), exit_code=1)


def interrupted_end(alert: Alert | None = None) -> RunEnd:
    """The end of a run whose trial is not known to have ended."""
    return RunEnd({STATUS: INTERRUPTED}, exit_code=1, alert=alert, search_over=False)


def trial_name(trial: Trial) -> str:
    """The name of the trial's directory where the search chooses it, else the trial's number."""
    if trial.custom_dirname:
        return str(trial.custom_dirname)
    number = re.match(r"\d+", trial.experiment_tag or "")
    return f"trial-{int(number[0]):04d}" if number else str(trial.trial_id)


def trial_folders(trial: Trial) -> tuple[Path, ...]:
    """The folders of a trial on this machine, the one in the experiment's directory first."""
    # Trials of the engine have a folder of their own; that of others is in Tune's storage.
    folder = getattr(trial, "folder", trial.path)
    return tuple(Path(path) for path in (folder, trial.local_path) if path)


def best_checkpoint(trial: Trial) -> Path | None:
    """The folder of a trial's best checkpoint where the trial keeps it, else of its newest."""
    if trial.checkpoint is None:
        return None
    best: Path | None = getattr(trial, "best_checkpoint", None)
    return best or Path(trial.checkpoint.path)


def end_status(outcome: TrialOutcome) -> str:
    """How a trial has ended, in the words of its run's summary."""
    if outcome.status != "stopped":
        return outcome.status
    if outcome.ended_by_user:
        return STOPPED_BY_USER
    return STOPPED_BY_TARGET if outcome.ended_by_target else STOPPED


def end_summary(outcome: TrialOutcome, status: str) -> dict[str, Any]:
    """The values of a run's summary at the end of its trial.

    Args:
        outcome: of the trial.
        status: as `end_status` tells it, or `INTERRUPTED`.
    """
    last = outcome.last_report
    # W&B turns a NaN that is set here into null. The history puts it into the summary as it is.
    summary = best_summary(outcome) | {
        name: value
        for name in SUMMARY
        if name in last and not (isinstance(value := last[name], float) and math.isnan(value))
    }
    if EARLY_STOP_REASON in summary:
        summary[EARLY_STOP_REASON] = str(summary[EARLY_STOP_REASON])
    about_trial = {
        STATUS: status,
        "stopped_at_epoch": outcome.stopped_at,
        "reached_target": outcome.reached_target or None,
        "error": outcome.error or None,
    }
    for name, value in about_trial.items():
        if value is not None:
            # A metric of the user's with this name keeps it.
            summary[f"pcsearch/{name}" if name in last else name] = value
    return summary


def best_summary(outcome: TrialOutcome) -> dict[str, float]:
    """The best values of the search's metrics in the summary of a run; empty where it has none."""
    names = (metric.name for metric in outcome.metrics)
    return {} if outcome.best is None else dict(zip(names, outcome.best, strict=True))
