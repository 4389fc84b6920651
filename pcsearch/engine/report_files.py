"""``result.json``: a line for every report of a trial, in the trial's folder."""

from __future__ import annotations

from pathlib import Path

from ray.air.constants import EXPR_RESULT_FILE
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback


class ReportFiles(JsonLoggerCallback):
    """Tune's own log, written where it stays.

    Tune writes it to a temporary folder that is copied to the experiment's directory with the
    state of the search: killed in between, the search lost epochs that its checkpoints have. A
    report is here before Tune keeps the checkpoint that came with it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def log_trial_start(self, trial: Trial) -> None:
        """Open the trial's file, to add to what an earlier session has written."""
        if trial in self._trial_files:
            self._trial_files[trial].close()
        trial.init_local_path()  # type: ignore[no-untyped-call]
        self.update_config(trial, trial.config)
        assert trial.path is not None, "a trial that runs has a place in the storage"
        file = Path(trial.path, EXPR_RESULT_FILE)
        file.parent.mkdir(parents=True, exist_ok=True)
        _end_last_line(file)
        self._trial_files[trial] = file.open("at", encoding="utf-8")


def _end_last_line(file: Path) -> None:
    """Cut off a line that a killed driver did not finish: the next would land on it."""
    if not file.exists():
        return
    with file.open("rb+") as opened:
        data = opened.read()
        opened.truncate(data.rfind(b"\n") + 1)
