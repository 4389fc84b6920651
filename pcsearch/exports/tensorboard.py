"""The trials of a search as runs of TensorBoard, with its tab of hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from pcsearch.engine.records.journal.history import read_reports
from pcsearch.engine.records.report import TIME, epoch_of, finite, numbers_of_trial
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.parameters import value_of

OPTION = "--tensorboard"


def write_runs(findings: Findings, trials: Sequence[Finding], folder: Path) -> None:
    """Write a run for each trial: its parameters, its metrics, and every number of every epoch.

    Each number has the time of its report.

    Args:
        findings: of the search.
        trials: which of its trials.
        folder: gets a folder for each trial.

    Raises:
        PcsearchError: it has one of a trial already, in which every number would be there twice.
    """
    taken = [each.result.folder for each in trials if (folder / each.result.folder).exists()]
    if taken:
        message = f"{folder} has runs already, such as {taken[0]}; give another folder"
        raise PcsearchError(Problem(message, OPTION))
    for trial in trials:
        with SummaryWriter(str(folder / trial.result.folder), write_to_disk=True) as writer:
            for summary in hparams(_parameters(findings, trial), _metrics(findings, trial)):
                writer.file_writer.add_summary(summary, walltime=trial.start)
            for name, value in _metrics(findings, trial).items():
                writer.add_scalar(name, value, trial.result.epoch, trial.end)
            for report in read_reports(trial.folder):
                epoch, time = epoch_of(report, findings.time_attr), finite(report.get(TIME))
                for name in numbers_of_trial(report):
                    writer.add_scalar(name, finite(report[name]), epoch, time)


def _parameters(findings: Findings, trial: Finding) -> dict[str, Any]:
    """The values that TensorBoard can show: numbers, booleans and texts."""
    values = {p.name: value_of(trial.result.config, p) for p in findings.searched}
    return {n: v if isinstance(v, bool | int | float) else str(v) for n, v in values.items()}


def _metrics(findings: Findings, trial: Finding) -> dict[str, float]:
    """The best values, under names of their own beside those of the epochs."""
    pairs = zip(findings.metrics, trial.result.values, strict=True)
    return {f"best/{metric.name}": value for metric, value in pairs if value is not None}
