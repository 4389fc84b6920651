"""``result.json``, a line for every report of a trial, and ``params.json``, its values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray.air._internal.json import SafeFallbackEncoder
from ray.air.constants import EXPR_PARAM_FILE
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback

from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.history import REPORTS
from pcsearch.engine.storage.files import end_last_line, last_json_line, writing


class ReportFiles(JsonLoggerCallback):
    """Tune's own log, written where it stays, each epoch once.

    Tune writes it to a temporary folder that is copied to the experiment's directory with the
    state of the search: killed in between, the search lost epochs that its checkpoints have. A
    report is here before Tune keeps the checkpoint that came with it. Epochs that are computed
    again, after a checkpoint that is older than the last report, are here already.

    Args:
        epoch: of a report.
    """

    def __init__(self, epoch: Callable[[Mapping[str, Any]], int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._epoch = epoch
        self._last: dict[str, int] = {}

    def log_trial_start(self, trial: Trial) -> None:
        """Open the trial's file, to add to what an earlier session has written.

        Raises:
            StorageError: it cannot be written.
        """
        if trial in self._trial_files:
            self._trial_files[trial].close()
        trial.init_local_path()  # type: ignore[no-untyped-call]
        file = _file(trial)
        parameters = file.with_name(EXPR_PARAM_FILE)
        with writing(parameters):
            file.parent.mkdir(parents=True, exist_ok=True)
            config = json.dumps(trial.config, indent=2, sort_keys=True, cls=SafeFallbackEncoder)
            parameters.write_text(config, encoding="utf-8")
        with writing(file):
            end_last_line(file)
            self._trial_files[trial] = file.open("at", encoding="utf-8")
        last = last_json_line(file)
        self._last[trial.trial_id] = 0 if last is None else self._epoch(last)

    def log_trial_result(self, iteration: int, trial: Trial, result: dict[str, Any]) -> None:
        """Write a report, unless its epoch is there.

        Raises:
            StorageError: it cannot be written.
        """
        epoch = self._epoch(result)
        if epoch <= self._last.get(trial.trial_id, 0):
            return
        file = _file(trial)
        with writing(file):
            self._trial_files[trial].write(json.dumps(result, cls=SafeFallbackEncoder) + "\n")
            self._trial_files[trial].flush()
        self._last[trial.trial_id] = epoch

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """Close the trial's file."""
        super().log_trial_end(trial, failed)
        self._last.pop(trial.trial_id, None)


def _file(trial: Trial) -> Path:
    assert isinstance(trial, SearchTrial), "the trial source makes no others"
    return trial.folder / REPORTS
