"""Restores trials: those of earlier sessions, and those that are retried in this one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.train.constants import CHECKPOINT_DIR_NAME
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.result import EXPR_ERROR_FILE  # type: ignore[attr-defined]

from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.ray_internals import (
    checkpoint_results,
    set_checkpoint_results,
    set_latest_checkpoint,
)
from pcsearch.engine.records.journal.history import TrialHistory, read_reports
from pcsearch.engine.storage.files import await_answer, is_remote, local_path

Damage = Callable[[Path], str]
"""Tells what is wrong with the checkpoint in a folder; an empty string if nothing is."""
Report = dict[str, Any]


@dataclass(frozen=True)
class RestoredTrial:
    """A trial of an earlier session, and the checkpoints that it can be restored from.

    Args:
        trial_history: the trial.
        checkpoints: the usable checkpoints with their reports, oldest first.
        discarded: the folders of the checkpoints that cannot be used.
        note: what the user should know about the restore, else empty.
    """

    trial_history: TrialHistory
    checkpoints: tuple[tuple[Path, Report], ...]
    discarded: tuple[Path, ...] = ()
    note: str = ""


def restore(trial: TrialHistory, damage: Damage) -> RestoredTrial:
    """Find the checkpoints that a trial of an earlier session can be restored from.

    They are undamaged, and their reports were written. The newest of them is used.

    Args:
        trial: the trial.
        damage: tells what is wrong with a checkpoint.
    """
    folders = sorted(path for path in trial.folder.glob("checkpoint_*") if path.is_dir())
    if trial.over:
        # An ended trial does not train again, so damage in its checkpoints does not matter.
        # There may be thousands of reports.
        names = [folder.name for folder in folders]
        reports = read_reports(trial.folder, names) if names else ()
        return RestoredTrial(trial, _with_reports(folders, reports))
    written = list(trial.reports)
    whole: list[tuple[Path, Report]] = []
    problems: list[str] = []
    for path, report in reversed(_with_reports(folders, written)):
        # To check a checkpoint at an address, it must be copied here: one whole one is enough.
        problem = "" if whole and is_remote(path) else damage(local_path(path))
        if problem:
            problems.insert(0, f"{path.name}: {problem}")
        else:
            whole.insert(0, (path, report))
    usable = {path for path, _ in whole}
    discarded = tuple(path for path in folders if path not in usable)
    return RestoredTrial(trial, tuple(whole), discarded, _note(trial, written, whole, problems))


def restore_in_tune(restored: RestoredTrial, trial: SearchTrial) -> None:
    """Give a new trial of Tune the state of a trial of an earlier session.

    Args:
        restored: the trial of the earlier session.
        trial: the new one, with the same id.
    """
    trial_history = restored.trial_history
    trial.init_local_path()  # type: ignore[no-untyped-call]
    metadata: Any = trial.run_metadata
    if trial_history.over:
        trial.status = Trial.ERROR if trial_history.failed else Trial.TERMINATED
        metadata.last_result = dict(trial_history.last_report or {})
    if trial_history.failed:
        metadata.error_filename = EXPR_ERROR_FILE
    for path in restored.discarded:
        trial.delete_checkpoint(path.name)
    if not restored.checkpoints:
        return
    for path, report in restored.checkpoints:
        trial.add_checkpoint(path.name, report)
    newest, report = restored.checkpoints[-1]
    # The next checkpoint gets the next number, as if the trial had not been interrupted.
    trial.storage.current_checkpoint_index = _index(newest)
    if not trial_history.over:
        metadata.last_result = dict(report)


def restore_for_retry(trial: SearchTrial, damage: Damage) -> None:
    """Prepare the retry of a failed trial: it starts from its newest undamaged checkpoint."""
    whole: list[Any] = []
    known = checkpoint_results(trial)
    readable = [each for each in known if each.checkpoint.path not in trial.unreadable]
    for result in reversed(readable):
        # As in `restore`, one whole checkpoint is enough.
        is_skipped = bool(whole) and is_remote(trial.folder)
        if is_skipped or not _damage_in_storage(trial, result.checkpoint, damage):
            whole.insert(0, result)
    set_checkpoint_results(trial, whole)
    set_latest_checkpoint(trial, whole[-1] if whole else None)
    newest = Path(whole[-1].checkpoint.path) if whole else None
    trial.storage.current_checkpoint_index = -1 if newest is None else _index(newest)


def _damage_in_storage(trial: SearchTrial, checkpoint: Checkpoint, damage: Damage) -> str:
    def find() -> str:
        # A folder on this machine is not copied.
        with checkpoint.as_directory() as folder:
            return damage(Path(folder))

    try:
        return find()
    except FileNotFoundError:
        return "it is missing"
    except OSError:
        # A storage that does not answer for a moment has damaged nothing.
        await_answer(trial.folder)
        return find()


def _with_reports(
    folders: Iterable[Path], reports: Iterable[Report]
) -> tuple[tuple[Path, Report], ...]:
    """The checkpoints whose reports were written, with these reports."""
    by_name = {report.get(CHECKPOINT_DIR_NAME): report for report in reports}
    return tuple((path, by_name[path.name]) for path in folders if path.name in by_name)


def _note(
    trial: TrialHistory,
    reports: Sequence[Report],
    whole: Sequence[tuple[Path, Report]],
    problems: Sequence[str],
) -> str:
    had_checkpoint = any(report.get(CHECKPOINT_DIR_NAME) for report in reports)
    if (whole and not problems) or not had_checkpoint:
        return ""
    reason = "; ".join(problems) or "no checkpoint is left"
    start = f"restored from {whole[-1][0].name}" if whole else "starts from the beginning"
    return f"trial {trial.number}: {reason}; {start}"


def _index(checkpoint: Path) -> int:
    number = re.search(r"\d+$", checkpoint.name)
    return int(number[0]) if number else 0
