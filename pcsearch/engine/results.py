"""What a search found: its trials, ranked by the metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ray.tune.experiment import Trial

from pcsearch.pc.config import model_config
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON, EPOCH
from pcsearch.sweeps.sweep import Metric

Status = Literal["finished", "stopped", "diverged", "failed", "interrupted"]


@dataclass(frozen=True)
class TrialResult:
    """A trial as far as it came.

    Args:
        number: from 1, in the order of suggestion.
        trial_id: Tune's, and the W&B run's.
        folder: its folder's name in the experiment's directory.
        config: the values that it was given.
        status: ``stopped`` is by the scheduler.
        epoch: how many it trained.
        value: the search's metric at its last report; None when it diverged or measured nothing.
        seconds: how long it ran.
        error: the last line of what made it fail, else an empty string.
    """

    number: int
    trial_id: str
    folder: str
    config: Mapping[str, Any]
    status: Status
    epoch: int
    value: float | None
    seconds: float
    error: str = ""


def trial_number(trial: Trial) -> int:
    """A trial's number, from 1, in the order of suggestion; Tune keeps it over a restore."""
    return int(trial.experiment_tag.partition("_")[0])


def trial_folder(trial: Trial) -> str:
    """The name of a trial's folder."""
    return f"{trial_number(trial):04d}_{trial.trial_id}"


def trial_result(trial: Trial, metric: Metric, *, ended: bool) -> TrialResult:
    """A trial of Tune's as a result.

    Args:
        trial: Tune's record.
        metric: the search's.
        ended: whether it has come to its end; one that has not was interrupted.
    """
    last = trial.last_result or {}
    return TrialResult(
        number=trial_number(trial),
        trial_id=trial.trial_id,
        folder=trial_folder(trial),
        config=dict(trial.config),
        status=_status(trial, last, ended),
        epoch=int(last.get(EPOCH) or 0),
        value=final_value(last, metric.name),
        seconds=float(last.get("time_total_s") or 0),
        error=_error(trial),
    )


def ranked(results: Iterable[TrialResult], metric: Metric) -> list[TrialResult]:
    """The best first; diverged and failed trials last, in the order of their numbers."""
    sign = 1 if metric.mode == "min" else -1

    def key(result: TrialResult) -> tuple[bool, float, int]:
        without = result.value is None or result.status == "failed"
        return without, 0.0 if without else sign * (result.value or 0.0), result.number

    return sorted(results, key=key)


def best(results: Iterable[TrialResult], metric: Metric) -> TrialResult | None:
    """The best trial, None where none has a value."""
    first = next(iter(ranked(results, metric)), None)
    return first if first is not None and has_value(first) else None


def has_value(result: TrialResult) -> bool:
    """Whether a trial takes part in the ranking."""
    return result.value is not None and result.status != "failed"


def is_number(value: Any) -> bool:
    """Whether a reported value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def final_value(report: Mapping[str, Any], metric: str) -> float | None:
    """The metric of a trial's last report; None when it diverged or never measured it."""
    value = report.get(metric)
    if report.get(EARLY_STOP_REASON) == DIVERGED or value is None or not is_number(value):
        return None
    return float(value)


def epochs(values: Mapping[str, Any]) -> int:
    """How many epochs a trial of these values trains when nothing stops it."""
    return model_config(values).epochs


def _status(trial: Trial, last: Mapping[str, Any], ended: bool) -> Status:
    if trial.status == Trial.ERROR:
        return "failed"
    if not ended:
        return "interrupted"
    if last.get(EARLY_STOP_REASON) == DIVERGED:
        return "diverged"
    if last.get(EARLY_STOP_REASON) is None and int(last.get(EPOCH) or 0) < epochs(trial.config):
        return "stopped"
    return "finished"


def _error(trial: Trial) -> str:
    if trial.status != Trial.ERROR or trial.error_file is None:
        return ""
    lines = Path(trial.error_file).read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
