"""Tells the errors of the storage of checkpoints from the errors of a trial."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pcsearch.engine.ray_internals import is_storage_error


class CheckpointStorageError(OSError):
    """A trial could not write a checkpoint to the storage, or read it from there."""


def telling_storage_errors(
    trainable: Callable[[dict[str, Any]], Any],
) -> Callable[[dict[str, Any]], Any]:
    """A trainable whose errors of the storage are of the type `CheckpointStorageError`.

    An error of missing permission stays as it is: a second try does not change it.
    """

    @wraps(trainable)
    def trial(values: dict[str, Any]) -> Any:
        try:
            return trainable(values)
        except Exception as error:
            if is_storage_error(error) and not isinstance(error, PermissionError):
                raise _typed(error) from error
            raise

    return trial


def _typed(error: Exception) -> CheckpointStorageError:
    if isinstance(error, OSError) and error.errno is not None:
        return CheckpointStorageError(error.errno, error.strerror)
    return CheckpointStorageError(str(error) or type(error).__name__)
