"""The checkpoints from which trials of earlier sessions, and retried ones, are restored."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import restore as restores
from pcsearch.engine.execution.restore import restore, restore_for_retry
from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.history import TrialHistory
from pcsearch.pc.checkpoint import damage


@pytest.fixture
def trial(tmp_path: Path) -> TrialHistory:
    (tmp_path / "trial").mkdir()
    return TrialHistory("a", 7, None, tmp_path / "trial")


def checkpoints(trial: TrialHistory, *numbers: int) -> None:
    for number in numbers:
        folder = trial.folder / f"checkpoint_{number:06d}"
        folder.mkdir()
        with zipfile.ZipFile(folder / "state.pt", "w") as archive:
            archive.writestr("data", bytes(1000))


def keep_reports(trial: TrialHistory, *numbers: int) -> None:
    lines = [
        json.dumps({"checkpoint_dir_name": f"checkpoint_{n:06d}", "training_iteration": n + 1})
        for n in numbers
    ]
    (trial.folder / "result.json").write_text("\n".join(lines) + '\n{"torn')


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def corrupt(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def test_a_trial_is_restored_from_its_newest_checkpoint_that_was_reported(
    trial: TrialHistory,
) -> None:
    checkpoints(trial, 4, 5, 6)
    keep_reports(trial, 3, 4, 5)
    restored = restore(trial, damage)
    path, report = restored.checkpoints[-1]
    assert (path.name, report["training_iteration"]) == ("checkpoint_000005", 6)
    assert [path.name for path in restored.discarded] == ["checkpoint_000006"]
    assert restored.note == ""


@pytest.mark.parametrize(
    ("harm", "told"),
    [(truncate, "damaged"), (corrupt, "damaged"), (empty, "damaged"), (Path.unlink, "missing")],
)
def test_of_a_damaged_checkpoint_the_one_before_is_taken_and_told(
    harm: Callable[[Path], None], told: str, trial: TrialHistory
) -> None:
    checkpoints(trial, 4, 5)
    keep_reports(trial, 4, 5)
    harm(trial.folder / "checkpoint_000005" / "state.pt")
    restored = restore(trial, damage)
    assert [path.name for path, _ in restored.checkpoints] == ["checkpoint_000004"]
    assert [path.name for path in restored.discarded] == ["checkpoint_000005"]
    assert restored.note == (
        f"trial 7: checkpoint_000005: state.pt is {told}; restored from checkpoint_000004"
    )


def test_a_trial_without_a_whole_checkpoint_starts_over_and_says_so(trial: TrialHistory) -> None:
    checkpoints(trial, 5)
    keep_reports(trial, 4, 5)
    truncate(trial.folder / "checkpoint_000005" / "state.pt")
    restored = restore(trial, damage)
    assert restored.checkpoints == ()
    assert restored.note.endswith("state.pt is damaged; starts from the beginning")


def test_a_trial_whose_checkpoints_are_gone_starts_over_and_says_so(trial: TrialHistory) -> None:
    keep_reports(trial, 4, 5)
    assert (
        restore(trial, damage).note == "trial 7: no checkpoint is left; starts from the beginning"
    )


def test_a_trial_that_never_had_one_starts_over(trial: TrialHistory) -> None:
    assert (restore(trial, damage).checkpoints, restore(trial, damage).note) == ((), "")


def test_nothing_is_thrown_away_of_a_trial_that_is_over(trial: TrialHistory) -> None:
    checkpoints(trial, 4, 5, 6)
    keep_reports(trial, 4, 5)
    trial.end = TrialEnded("a", False, [0.5])
    restored = restore(trial, damage)
    names = [path.name for path, _ in restored.checkpoints]
    assert names == ["checkpoint_000004", "checkpoint_000005"]
    assert (restored.discarded, restored.note) == ((), "")


class AwayCheckpoint:
    """A checkpoint in a storage that does not answer at first."""

    def __init__(self, path: Path, failures: int) -> None:
        self.path, self.failures = str(path), failures

    @contextmanager
    def as_directory(self) -> Iterator[str]:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError("AWS Error NETWORK_CONNECTION")
        yield self.path


def test_a_checkpoint_is_not_damaged_because_the_storage_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[Path] = []
    monkeypatch.setattr(restores, "is_remote", lambda _: True)
    monkeypatch.setattr(restores, "await_answer", waits.append)
    checkpoints = [AwayCheckpoint(tmp_path / f"checkpoint_{i:06d}", 1) for i in (4, 5)]
    manager = SimpleNamespace(
        _checkpoint_results=[SimpleNamespace(checkpoint=each) for each in checkpoints]
    )
    trial: Any = SimpleNamespace(
        folder=tmp_path,
        unreadable=set(),
        run_metadata=SimpleNamespace(checkpoint_manager=manager),
        storage=SimpleNamespace(current_checkpoint_index=-1),
    )
    restore_for_retry(trial, lambda _: "")
    assert [each.checkpoint for each in manager._checkpoint_results] == checkpoints
    assert manager._latest_checkpoint_result.checkpoint is checkpoints[1]
    assert trial.storage.current_checkpoint_index == 5
    # The older one was not looked at.
    assert (waits, [each.failures for each in checkpoints]) == ([tmp_path], [1, -1])


def test_a_retried_trial_without_a_whole_checkpoint_starts_from_the_beginning(
    tmp_path: Path,
) -> None:
    checkpoint = AwayCheckpoint(tmp_path / "checkpoint_000004", 0)
    manager = SimpleNamespace(_checkpoint_results=[SimpleNamespace(checkpoint=checkpoint)])
    trial: Any = SimpleNamespace(
        folder=tmp_path,
        unreadable=set(),
        run_metadata=SimpleNamespace(checkpoint_manager=manager),
        storage=SimpleNamespace(current_checkpoint_index=4),
    )
    restore_for_retry(trial, lambda _: "it is damaged")
    assert manager._checkpoint_results == []
    assert manager._latest_checkpoint_result is None
    assert trial.storage.current_checkpoint_index == -1


def test_a_checkpoint_that_could_not_be_loaded_is_not_tried_again(tmp_path: Path) -> None:
    checkpoints = [AwayCheckpoint(tmp_path / f"checkpoint_{i:06d}", 0) for i in (4, 5)]
    results = [SimpleNamespace(checkpoint=each) for each in checkpoints]
    manager = SimpleNamespace(_checkpoint_results=results)
    trial: Any = SimpleNamespace(
        folder=tmp_path,
        unreadable={checkpoints[1].path},
        run_metadata=SimpleNamespace(checkpoint_manager=manager),
        storage=SimpleNamespace(current_checkpoint_index=5),
    )
    restore_for_retry(trial, lambda _: "")
    assert manager._latest_checkpoint_result is results[0]
    assert manager._checkpoint_results == results[:1]
    assert trial.storage.current_checkpoint_index == 4
