"""Errors of trials: what they mean, and which are retried."""

from __future__ import annotations

import errno

import pytest
import torch
from ray.exceptions import RayActorError

from pcsearch.engine.execution.trial_errors import MEMORY_ADVICE, described, error_lines, judge
from pcsearch.engine.workloads.checkpoint_storage import CheckpointStorageError
from pcsearch.engine.workloads.programs.errors import GpuMemoryError, ProgramError
from pcsearch.errors import PcsearchError

MEMORY = MEMORY_ADVICE.format("batch_size or hidden_size")
AWAY = CheckpointStorageError("AWS Error NETWORK_CONNECTION")
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "epoch", "meaning", "is_final"),
    [
        (ValueError("x"), 3, "", False),
        (PcsearchError("no such setting"), 3, "", True),
        (torch.OutOfMemoryError("CUDA out of memory"), 0, MEMORY, True),
        (torch.OutOfMemoryError("CUDA out of memory"), 3, MEMORY, False),
        (GpuMemoryError("x"), 0, "the GPU's memory is too small for the trial: try a sm", True),
        (RayActorError(), 3, "the trial's process died: it was killed, or the memory", False),
        (AWAY, 3, "the storage of the checkpoints failed: AWS Error NETWORK_CONNECTION", False),
        (FULL, 3, "", True),
    ],
)
def test_an_error_is_explained_and_retried_where_that_can_help(
    error: Exception, epoch: int, meaning: str, is_final: bool
) -> None:
    found = judge(error, error, hung="", storage_error="", has_reported=epoch > 0)
    assert found.meaning.startswith(meaning)
    assert bool(found.meaning) == bool(meaning)
    assert found.is_final == is_final
    assert bool(found.storage_error) == (error is FULL)


def test_what_a_program_may_make_smaller_has_no_name_of_the_model() -> None:
    error = GpuMemoryError("CUDA out of memory")
    found = judge(error, error, hung="", storage_error="", has_reported=True)
    assert "try a smaller batch or model, or fewer trials" in found.meaning


def test_a_storage_that_is_known_to_have_failed_is_a_reason_to_end() -> None:
    found = judge(AWAY, AWAY, hung="", storage_error="gone", has_reported=True)
    assert (found.storage_error, found.is_final) == ("gone", True)


def test_why_a_process_was_killed_comes_before_how_it_died() -> None:
    error = RayActorError()
    found = judge(error, error, hung="it reported nothing", storage_error="", has_reported=False)
    assert (found.meaning, found.is_final) == ("it reported nothing", False)
    lines = described(error, error, found.meaning)
    assert (lines[0], len(lines) > 1) == ("it reported nothing", True)


def test_what_is_told_of_a_program_is_its_own_traceback() -> None:
    error = ProgramError("the program failed\n" + "x\n" * 20)
    assert described(error, error, "") == ["the program failed", *"x" * 9]


def test_the_lines_of_an_error_are_the_exception_without_the_places_in_the_code() -> None:
    text = 'Traceback:\n  File "a.py", line 1, in f\n    x\nValueError: one\n\ntwo\n'
    assert error_lines(text) == ["ValueError: one", "two"]
    assert error_lines("") == []
    (line,) = error_lines("ValueError: " + "x" * 10**6)
    assert len(line) < 600
    assert line.endswith("more characters)")
