"""Which checkpoints of a trial are kept: the two newest, and the best one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pcsearch.engine.records.report import best_report
from pcsearch.engine.storage.files import await_answer, is_remote
from pcsearch.sweeps.metrics import Metric

NEWEST_KEPT = 2


def kept_of(results: list[Any], metric: Metric | None) -> list[Any]:
    """Chooses which of a trial's checkpoints are kept, the newest last.

    Args:
        results: the checkpoints, each with its flat report, oldest first.
        metric: by which they are compared, None where the sweep has none.
    """
    kept = results[-NEWEST_KEPT:]
    best = best_of(results, metric)
    if best is not None and best not in kept:
        kept.insert(0, best)
    return kept


def best_of(results: list[Any], metric: Metric | None) -> Any:
    """The first checkpoint with the best value: a metric such as best_val_mse repeats its best.

    Args:
        results: as of `kept_of`.
        metric: as of `kept_of`.

    Returns:
        None where none has a value.
    """
    if metric is None:
        return None
    index = best_report((result.metrics for result in results), metric)
    return None if index is None else results[index]


def delete(checkpoint: Any, folder: Path) -> None:
    """Delete a checkpoint; where that fails, it stays and does no harm.

    Args:
        checkpoint: of Tune.
        folder: the trial's, on this machine.

    Raises:
        StorageError: the storage of the experiment does not answer.
    """
    try:
        checkpoint.filesystem.delete_dir(checkpoint.path)
    except FileNotFoundError:
        return
    # The file systems of fsspec raise errors of any type.
    except Exception:
        if not is_remote(folder):
            return
        # The storage may have been away for a moment.
        await_answer(folder)
        with contextlib.suppress(Exception):
            checkpoint.filesystem.delete_dir(checkpoint.path)
