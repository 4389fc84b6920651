"""The errors of trials: what they mean for the user, and whether a retry can help."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayActorError

from pcsearch.engine.storage.files import NO_STORAGE
from pcsearch.engine.storage.store import error_line
from pcsearch.engine.workloads.checkpoint_storage import CheckpointStorageError
from pcsearch.engine.workloads.programs.errors import GpuMemoryError, ProgramError
from pcsearch.errors import PcsearchError, bounded

ERROR_LINES = 10
LONGEST_LINE = 500
"""How many characters of an error's line are shown; the trial's ``error.txt`` has all of it."""
MEMORY_ADVICE = (
    "the GPU's memory is too small for the trial: try a smaller {}, or "
    "fewer trials on a GPU (--gpus-per-trial)"
)
OF_TRANSFORMER, OF_PROGRAM = "batch_size or hidden_size", "batch or model"
"""What may be made smaller: a program has names of its own."""


@dataclass(frozen=True)
class Verdict:
    """What follows from the error of a trial: a line for the user, and whether it is retried.

    Args:
        meaning: for the user, in words; empty where the error says it itself.
        storage_error: the error in one line where the experiment's storage has failed, else empty.
        is_final: whether a retry cannot help.
    """

    meaning: str
    storage_error: str
    is_final: bool = False


def judge(error: Any, cause: Any, *, hung: str, storage_error: str, has_reported: bool) -> Verdict:
    """What an error means for the user, and whether a retry can help.

    Args:
        error: as Ray gives it.
        cause: what the trial itself has raised, where it has.
        hung: why the watchdog killed the trial's process, empty where it did not.
        storage_error: that of the experiment's storage, where that is known to have failed.
        has_reported: whether the trial has reported an epoch.
    """
    if hung:
        return Verdict(hung, storage_error)
    if _is_out_of_memory(cause) or isinstance(cause, GpuMemoryError):
        # In a later epoch, another trial may have taken the memory.
        what = OF_PROGRAM if isinstance(cause, GpuMemoryError) else OF_TRANSFORMER
        return Verdict(MEMORY_ADVICE.format(what), storage_error, is_final=not has_reported)
    if isinstance(error, RayActorError):
        died = "the trial's process died: it was killed, or the memory was short"
        return Verdict(died, storage_error)
    if isinstance(cause, OSError) and cause.errno in NO_STORAGE and not storage_error:
        storage_error = error_line(cause)
    meaning, is_final = "", bool(storage_error) or isinstance(cause, PcsearchError)
    if isinstance(cause, CheckpointStorageError):
        meaning = f"the storage of the checkpoints failed: {error_line(cause)}"
    return Verdict(meaning, storage_error, is_final)


def described(error: Any, cause: Any, meaning: str) -> list[str]:
    """The first lines of what is told of an error.

    Args:
        error: as Ray gives it.
        cause: what the trial itself has raised, where it has.
        meaning: of the error, may be empty.
    """
    # That of a program quotes the program's own traceback.
    is_quoted = isinstance(cause, ProgramError)
    lines = str(cause).splitlines() if is_quoted else error_lines(str(error))
    return [*([meaning] if meaning else []), *lines][:ERROR_LINES]


def error_lines(text: str) -> list[str]:
    """The exception in a traceback, without the places in the code and empty lines."""
    # After the last place in the code comes the exception, whose message may have many lines.
    lines = text[text.rfind("\n  File ") + 1 :].split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and line[0] != " "), len(lines))
    return [bounded(line.rstrip(), LONGEST_LINE) for line in lines[start:] if line.strip()]


def _is_out_of_memory(error: Any) -> bool:
    """Whether an error is torch's of a GPU without memory; such an error has loaded torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)
