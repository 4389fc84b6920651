"""What a storage that is away for a moment does to trials: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import restore, trial, watchdog
from pcsearch.engine.execution.restore import recover
from pcsearch.engine.execution.trial import STORAGE_CODE, SearchTrial
from pcsearch.engine.execution.watchdog import Watch
from pcsearch.engine.storage.files import StorageError


class Checkpoint:
    """Of a storage that does not answer at first."""

    def __init__(self, path: Path, failures: int) -> None:
        self.path, self.failures = str(path), failures

    @contextmanager
    def as_directory(self) -> Iterator[str]:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError("AWS Error NETWORK_CONNECTION")
        yield self.path


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where an answer was waited for, of trials that all lie at an address."""
    found: list[Path] = []
    for module in (restore, trial):
        monkeypatch.setattr(module, "is_remote", lambda _: True)
        monkeypatch.setattr(module, "await_answer", found.append)
    return found


def trial_of(folder: Path, checkpoints: list[Any], iteration: int = 3) -> Any:
    made: Any = SearchTrial.__new__(SearchTrial)
    made.folder, made.storage_error, made._forgiven_at = folder, "", -1
    manager = SimpleNamespace(
        _checkpoint_results=[SimpleNamespace(checkpoint=each) for each in checkpoints]
    )
    made.run_metadata = SimpleNamespace(
        checkpoint_manager=manager, last_result={"training_iteration": iteration}
    )
    made.storage = SimpleNamespace(current_checkpoint_index=-1)
    return made


def test_a_checkpoint_is_not_damaged_because_the_storage_was_away(
    tmp_path: Path, waits: list[Path]
) -> None:
    checkpoints = [Checkpoint(tmp_path / f"checkpoint_{i:06d}", 1) for i in (4, 5)]
    made = trial_of(tmp_path, checkpoints)
    recover(made, lambda _: "")
    kept = made.run_metadata.checkpoint_manager._checkpoint_results
    assert [each.checkpoint for each in kept] == checkpoints
    assert made.storage.current_checkpoint_index == 5
    # The older one was not asked for.
    assert (waits, [each.failures for each in checkpoints]) == ([tmp_path], [1, -1])


def test_a_trial_whose_checkpoint_could_not_be_sent_has_not_failed_once_an_epoch(
    tmp_path: Path, waits: list[Path]
) -> None:
    made, error = trial_of(tmp_path, []), OSError(f'File "{STORAGE_CODE}": away')
    assert made._storage_was_away(error)
    # The storage answers, and does not take it all the same.
    assert not made._storage_was_away(error)
    made.run_metadata.last_result["training_iteration"] = 4
    assert made._storage_was_away(error)
    assert not made._storage_was_away(OSError("of the user's own"))
    denied = OSError(f'File "{STORAGE_CODE}": AWS Error ACCESS_DENIED')
    made.run_metadata.last_result["training_iteration"] = 5
    assert not made._storage_was_away(denied)
    assert len(waits) == 2


@pytest.mark.usefixtures("waits")
def test_a_storage_that_stays_away_is_the_searchs_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays_away(_: Path) -> None:
        raise StorageError("s3://b/x: cannot be read (gone)") from OSError("gone")

    monkeypatch.setattr(trial, "await_answer", stays_away)
    made = trial_of(tmp_path, [])
    assert not made._storage_was_away(OSError(STORAGE_CODE))
    assert made.storage_error == "gone"


def test_trials_do_not_hang_because_the_loop_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    watching: Any = Watch(30.0, lambda _: "")
    actor = object()
    killed: list[object] = []
    monkeypatch.setattr(watchdog.ray, "kill", killed.append)
    running = SimpleNamespace(
        trial_id="a", status="RUNNING", temporary_state=SimpleNamespace(ray_actor=actor)
    )
    watching.on_trial_start(0, [], running)
    watching.on_step_begin(0, [running])
    now[0] += 40
    watching.on_step_begin(1, [running])
    assert killed == []
    for _ in range(320):
        now[0] += 0.1
        watching.on_step_begin(2, [running])
    assert killed == [actor]
