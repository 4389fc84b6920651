"""A search that was killed goes on: from checkpoints that are there, and with its record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ray import tune
from ray.air.constants import EXPR_RESULT_FILE
from ray.train.constants import CHECKPOINT_DIR_NAME
from ray.tune.experiment import Trial

from pcsearch.engine.directory import RECORD_FILE
from pcsearch.engine.saved_state import SavedState


class Restoring(tune.Callback):
    """Sees to it that a search that was killed, at whatever moment, can go on.

    Tune deletes a trial's checkpoint when it keeps the next, and writes down which it keeps some
    time later: a search that is killed in between is restored with checkpoints that are gone, and
    Tune would let their trials fail. And it takes every JSON file of the directory for a part of
    its state and writes it again and again: killed while it does, it would leave an empty record
    of the experiment.

    Args:
        directory: of the experiment.
    """

    def __init__(self, directory: Path) -> None:
        self._looked = False
        self._saved = SavedState(directory)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Look once, before any trial goes on; later, keep copies of Tune's state."""
        if self._looked:
            if trials:
                self._saved.keep(Path(trials[0].local_experiment_path))
            return
        self._looked = True
        for trial in trials:
            Path(trial.local_experiment_path, RECORD_FILE).unlink(missing_ok=True)
            if trial.status not in (Trial.TERMINATED, Trial.ERROR):
                _mend(trial)


def _mend(trial: Trial) -> None:
    recorded = trial.latest_checkpoint_result
    if recorded is None or recorded.checkpoint is None or trial.path is None:
        return
    folder, gone = Path(trial.path), Path(recorded.checkpoint.path)
    if gone.exists():
        return
    # A newer one may be half written; it was complete when the recorded one was deleted for it.
    names = sorted(path.name for path in folder.glob("checkpoint_*"))
    kept = next((name for name in names if name > gone.name), None)
    report = None if kept is None else _report(folder / EXPR_RESULT_FILE, kept)
    if kept is not None and report is not None:
        checkpoint = tune.Checkpoint(str(folder / kept), recorded.checkpoint.filesystem)
        # Tune deletes the older one, and would not go on without it.
        gone.mkdir(parents=True)
        trial.on_checkpoint(type(recorded)(checkpoint, report))


def _report(file: Path, checkpoint: str) -> dict[str, Any] | None:
    """The report that came with a checkpoint; the file has it before Tune keeps the checkpoint."""
    found = None
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            report = json.loads(line)
        # The driver was killed while it wrote.
        except ValueError:
            continue
        if isinstance(report, dict) and report.get(CHECKPOINT_DIR_NAME) == checkpoint:
            found = report
    return found
