"""Trials of an earlier session as Tune's: those that are over, and those that go on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.air.constants import EXPR_ERROR_FILE
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import _delete_fs_path
from ray.train.constants import CHECKPOINT_DIR_NAME
from ray.tune.experiment import Trial

from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.history import TrialHistory
from pcsearch.engine.storage.files import await_answer, here, is_remote

Damage = Callable[[Path], str]
"""What is wrong with a checkpoint's folder, else an empty string."""
Report = dict[str, Any]


@dataclass(frozen=True)
class Restored:
    """Where a trial goes on.

    Args:
        past: the trial.
        checkpoints: that are there and whole, with the reports that came with them, oldest first.
        discarded: those that are of no use.
        note: what the user should know of it, else empty.
    """

    past: TrialHistory
    checkpoints: tuple[tuple[Path, Report], ...]
    discarded: tuple[Path, ...] = ()
    note: str = ""


def restore(past: TrialHistory, damage: Damage) -> Restored:
    """Find where a trial goes on: the newest of its checkpoints that is whole and was reported.

    Args:
        past: the trial.
        damage: tells which checkpoints cannot be used.
    """
    found = sorted(path for path in past.folder.glob("checkpoint_*") if path.is_dir())
    if past.over:
        # Nothing goes on from them.
        reports = past.reports if len(found) > 1 else [past.last_report or {}]
        return Restored(past, _reported(found, reports))
    whole: list[tuple[Path, Report]] = []
    problems: list[str] = []
    for path, report in reversed(_reported(found, past.reports)):
        # Of those that are far away only as many are brought as are needed.
        problem = "" if whole and is_remote(path) else damage(here(path))
        if problem:
            problems.insert(0, f"{path.name}: {problem}")
        else:
            whole.insert(0, (path, report))
    kept = {path for path, _ in whole}
    discarded = tuple(path for path in found if path not in kept)
    return Restored(past, tuple(whole), discarded, _note(past, whole, problems))


def into_tune(restored: Restored, trial: SearchTrial) -> None:
    """Put a trial of Tune's, which is new, where it was.

    Args:
        restored: where that is.
        trial: with the same id.
    """
    past, storage = restored.past, trial.storage
    assert storage is not None, "Tune's experiment has one"
    trial.init_local_path()  # type: ignore[no-untyped-call]
    metadata: Any = trial.run_metadata
    if past.over:
        trial.status = Trial.ERROR if past.failed else Trial.TERMINATED
        metadata.last_result = dict(past.last_report or {})
    if past.failed:
        metadata.error_filename = EXPR_ERROR_FILE
    for path in restored.discarded:
        _delete_fs_path(fs=storage.storage_filesystem, fs_path=_in_storage(trial, path))
    if not restored.checkpoints:
        return
    for path, report in restored.checkpoints:
        checkpoint = tune.Checkpoint(_in_storage(trial, path), storage.storage_filesystem)
        trial.on_checkpoint(_TrainingResult(checkpoint, dict(report)))
    newest, report = restored.checkpoints[-1]
    # The next checkpoint gets the number after it, as if the trial had not been interrupted.
    storage.current_checkpoint_index = _index(newest)
    if not past.over:
        metadata.last_result = dict(report)


def recover(trial: SearchTrial, damage: Damage) -> None:
    """Let a trial that is tried again in this session go on from a checkpoint that is whole."""
    manager: Any = trial.run_metadata.checkpoint_manager
    whole: list[Any] = []
    for result in reversed(manager._checkpoint_results):
        # As in `restore`.
        presumed = bool(whole) and is_remote(trial.folder)
        if presumed or not _damage_there(trial, result.checkpoint, damage):
            whole.insert(0, result)
    manager._checkpoint_results = whole
    manager._latest_checkpoint_result = whole[-1] if whole else None
    newest = Path(whole[-1].checkpoint.path) if whole else None
    assert trial.storage is not None, "Tune's experiment has one"
    trial.storage.current_checkpoint_index = -1 if newest is None else _index(newest)


def _in_storage(trial: SearchTrial, path: Path) -> str:
    return f"{trial.storage.trial_fs_path}/{path.name}"


def _damage_there(trial: SearchTrial, checkpoint: tune.Checkpoint, damage: Damage) -> str:
    def find() -> str:
        # A folder of this machine is given as it is.
        with checkpoint.as_directory() as folder:
            return damage(Path(folder))

    try:
        return find()
    except FileNotFoundError:
        return "it is missing"
    except OSError:
        # A storage that is away for a moment has damaged nothing.
        await_answer(trial.folder)
        return find()


def _reported(found: Iterable[Path], reports: Iterable[Report]) -> tuple[tuple[Path, Report], ...]:
    by_name = {report.get(CHECKPOINT_DIR_NAME): report for report in reports}
    return tuple((path, by_name[path.name]) for path in found if path.name in by_name)


def _note(past: TrialHistory, whole: list[tuple[Path, Report]], problems: list[str]) -> str:
    had_one = any(report.get(CHECKPOINT_DIR_NAME) for report in past.reports)
    if whole and not problems:
        return ""
    if not had_one:
        return ""
    why = "; ".join(problems) or "no checkpoint is left"
    where = f"it goes on from {whole[-1][0].name}" if whole else "it starts over"
    return f"trial {past.number}: {why}; {where}"


def _index(checkpoint: Path) -> int:
    number = re.search(r"\d+$", checkpoint.name)
    return int(number[0]) if number else 0
