"""Which checkpoints are kept, and what happens where one cannot be deleted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import kept_checkpoints
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")


class Result:
    """A checkpoint with its report, as Tune has them."""

    def __init__(self, loss: float | None) -> None:
        self.metrics = {"loss": loss}


@pytest.mark.parametrize(
    ("losses", "metric", "kept"),
    [
        ([3.0, 1.0, 2.0, 1.0, 5.0], LOSS, [1, 3, 4]),
        ([3.0, 2.0, 1.0], LOSS, [1, 2]),
        ([3.0, 2.0, 1.0], None, [1, 2]),
        ([1.0], LOSS, [0]),
        ([None, None, None], LOSS, [1, 2]),
    ],
)
def test_the_two_newest_and_the_first_of_the_best_are_kept(
    losses: list[float | None], metric: Metric | None, kept: list[int]
) -> None:
    results: list[Any] = [Result(loss) for loss in losses]
    found = kept_checkpoints.kept_of(results, metric)
    assert [results.index(each) for each in found] == kept


class Files:
    """Deletes folders, or fails."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.deleted = list(errors), 0

    def delete_dir(self, path: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.deleted += 1


@pytest.mark.parametrize(
    ("errors", "deleted"),
    [
        ([], 1),
        ([FileNotFoundError()], 0),
        ([OSError("away")], 1),
        ([RuntimeError("of fsspec")], 1),
        ([OSError("away"), OSError("away")], 0),
    ],
)
def test_a_checkpoint_that_cannot_be_deleted_does_no_harm(
    errors: list[Exception], deleted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[Path] = []
    monkeypatch.setattr(kept_checkpoints, "is_remote", lambda _: True)
    monkeypatch.setattr(kept_checkpoints, "await_answer", waits.append)
    files = Files(*errors)
    kept_checkpoints.delete(SimpleNamespace(filesystem=files, path="x"), tmp_path)
    assert files.deleted == deleted
