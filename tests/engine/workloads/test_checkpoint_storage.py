"""Errors of the storage of checkpoints have a type of their own."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint

from pcsearch.engine.workloads.checkpoint_storage import (
    CheckpointStorageError,
    telling_storage_errors,
)


def raising(error: Exception) -> Callable[[dict[str, Any]], Any]:
    def train(_config: dict[str, Any]) -> None:
        raise error

    return telling_storage_errors(train)


@pytest.fixture
def storing(tmp_path: Path) -> Callable[[dict[str, Any]], Any]:
    """Stores a checkpoint as Ray does in ``tune.report``."""
    (tmp_path / "checkpoint").mkdir()
    context = StorageContext(str(tmp_path), "exp", storage_filesystem=LocalFileSystem())
    context.trial_dir_name, context.current_checkpoint_index = "trial", 0

    def train(_config: dict[str, Any]) -> Any:
        return context.persist_current_checkpoint(Checkpoint(str(tmp_path / "checkpoint")))

    return telling_storage_errors(train)


def test_an_error_while_a_checkpoint_is_stored_is_told_by_its_type(
    storing: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    assert Path(storing({}).path).parent == tmp_path / "exp" / "trial"
    (tmp_path / "checkpoint").rmdir()
    with pytest.raises(CheckpointStorageError) as caught:
        storing({})
    assert caught.value.errno == errno.ENOENT
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(again), str(again)) == (CheckpointStorageError, str(caught.value))


@pytest.mark.parametrize("error", [OSError("of the user"), ValueError("x")])
def test_an_error_of_the_trial_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        raising(error)({})
    assert caught.value is error


def test_what_the_trial_returns_and_its_name_stay() -> None:
    def train(config: dict[str, Any]) -> int:
        return int(config["x"])

    assert telling_storage_errors(train)({"x": 3}) == 3
    assert telling_storage_errors(train).__name__ == "train"
