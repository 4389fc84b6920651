"""Writes ``result.json``, a line for each report of a trial, and ``params.json``, its values."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback

from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.journal.history import REPORTS, VALUES_FILE
from pcsearch.engine.storage.files import end_last_line, last_json_line, writing
from pcsearch.engine.workloads.reported_values import STOPPED_BY_USER


class ResultLog(LoggerCallback):
    """Writes each report into its trial's ``result.json``, each epoch once.

    Tune's own log is in a temporary folder that is copied to the experiment's directory from time
    to time: a search that is killed would lose epochs that its checkpoints have. This one has a
    report before Tune keeps the checkpoint that came with it. A trial that is restored from an
    older checkpoint computes epochs twice, and they are not written twice.

    It comes first: no other callback sees a report that is not written. The file has a report as
    the trial has made it, nested where that is.

    Args:
        epoch: gives the epoch of a report.
        replaces: whether what a trial reports again replaces what is there: a program that is
            started again begins anew, or after what it has kept.
    """

    def __init__(self, epoch: Callable[[Mapping[str, Any]], int], replaces: bool = False) -> None:
        self._epoch, self._replaces = epoch, replaces
        self._older: set[str] = set()
        self._files: dict[str, TextIOWrapper] = {}
        self._last_epochs: dict[str, int] = {}

    def log_trial_start(self, trial: Trial) -> None:
        """Open the trial's file, and continue what an earlier session has written.

        Raises:
            StorageError: the file cannot be written.
        """
        self._close(trial)
        trial.init_local_path()  # type: ignore[no-untyped-call]
        file = _folder(trial) / REPORTS
        parameters = file.with_name(VALUES_FILE)
        with writing(parameters):
            file.parent.mkdir(parents=True, exist_ok=True)
            config = json.dumps(trial.config, indent=2, sort_keys=True, default=plain)
            parameters.write_text(config, encoding="utf-8")
        with writing(file):
            end_last_line(file)
            self._files[trial.trial_id] = file.open("at", encoding="utf-8")
        last = last_json_line(file)
        self._last_epochs[trial.trial_id] = 0 if last is None else self._epoch(last)
        if self._replaces:
            self._older.add(trial.trial_id)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Write a report, unless its epoch is there already.

        Raises:
            StorageError: the file cannot be written.
        """
        # The trial has heeded it.
        result.pop(STOPPED_BY_USER, None)
        epoch = self._epoch(result)
        if trial.trial_id in self._older:
            self._remove_from(trial, epoch)
            if not self._last_epochs[trial.trial_id]:
                _search_trial(trial).outcome.begin_anew(result)
        if epoch > self._last_epochs.get(trial.trial_id, 0):
            with writing(_folder(trial) / REPORTS):
                self._files[trial.trial_id].write(json.dumps(result, default=plain) + "\n")
                self._files[trial.trial_id].flush()
            self._last_epochs[trial.trial_id] = epoch

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Close the trial's file."""
        self._close(trial)
        self._last_epochs.pop(trial.trial_id, None)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Close the files of the trials that were running when the session ended."""
        for file in self._files.values():
            # On a full disk, closing tries to write once more what could not be written.
            with contextlib.suppress(OSError):
                file.close()
        self._files.clear()

    def _remove_from(self, trial: Trial, epoch: int) -> None:
        """Remove the reports of earlier starts from an epoch on, now that this one has reported."""
        self._older.remove(trial.trial_id)
        if epoch > self._last_epochs[trial.trial_id]:
            return
        file, kept = _folder(trial) / REPORTS, 0
        with writing(file):
            with file.open("rb") as lines:
                for line in lines:
                    if self._epoch(json.loads(line)) >= epoch:
                        break
                    kept += len(line)
            self._files[trial.trial_id].truncate(kept)
        self._last_epochs[trial.trial_id] = epoch - 1

    def _close(self, trial: Trial) -> None:
        file = self._files.pop(trial.trial_id, None)
        if file is not None:
            file.close()


def _search_trial(trial: Trial) -> SearchTrial:
    assert isinstance(trial, SearchTrial), "the trial source makes no others"
    return trial


def _folder(trial: Trial) -> Path:
    return _search_trial(trial).folder


def plain(value: Any) -> Any:
    """What stands in JSON for a value that is none: an array's or number's values, else a text."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return str(value)
    try:
        return float(value)
    # Anything can be in a report.
    except Exception:
        return str(value)
