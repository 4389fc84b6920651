"""What a session makes of the errors that end it; whole sessions run in `tests/searches`."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from ray.tune.error import TuneError

from pcsearch.engine.execution.loop import ExperimentPlace
from pcsearch.engine.execution.run import SessionResult, _place, _storage_errors
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.engine.storage.files import StorageError
from pcsearch.errors import PcsearchError

HERE = ExperimentDirectory(Path("/results/here"))
FULL = OSError(errno.ENOSPC, "No space left on device")


def of_storage() -> StorageError:
    error = StorageError("/results/here/journal.jsonl: cannot be written")
    error.__cause__ = FULL
    return error


def from_callback(cause: Exception) -> TuneError:
    """Tune's error for one that a callback has raised."""
    error = TuneError("Traceback ...")
    error.__context__ = cause
    return error


def raised(error: Exception) -> BaseException:
    with pytest.raises(Exception) as caught, _storage_errors(HERE):  # noqa: PT011 - any
        raise error
    return caught.value


@pytest.mark.parametrize("error", [FULL, from_callback(of_storage())])
def test_a_full_disk_ends_the_session_in_one_line(error: Exception) -> None:
    found = raised(error)
    assert type(found) is StorageError
    assert str(found) == "/results/here: cannot be written (No space left on device)"
    assert found.__cause__ is error


def test_a_mistake_of_the_user_in_a_callback_is_told_as_one() -> None:
    mistake = PcsearchError("no such setting")
    assert raised(from_callback(mistake)) is mistake


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ECONNRESET, "of something else"),
        ValueError("a fault"),
        from_callback(KeyError("a fault")),
    ],
)
def test_any_other_error_is_passed_on(error: Exception) -> None:
    assert raised(error) is error


def result(status: Status) -> TrialResult:
    return TrialResult(1, "a", "", {}, status, 1, (None,), 0.0)


def test_a_search_has_failed_if_a_trial_has() -> None:
    others: tuple[Status, ...] = ("finished", "stopped", "diverged", "interrupted")
    fine = tuple(map(result, others))
    assert not SessionResult(fine).failed
    assert SessionResult((*fine, result("failed"))).failed


def test_tune_stores_a_search_in_its_directory() -> None:
    assert _place(HERE) == ExperimentPlace("here", "/results")
