"""Turns the end of a program into an error: its exit status and last lines, or a missing metric."""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Collection
from pathlib import Path

from pcsearch.engine.workloads.programs.follower import STDOUT
from pcsearch.engine.workloads.programs.launchers import without_launcher
from pcsearch.engine.workloads.programs.process import ProgramEnd
from pcsearch.errors import PcsearchError, bounded

LAST_LINES = 8
LAST_BYTES = 1 << 16
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
OF_WANDB = re.compile(r"wandb:(?! ERROR)")
SHOWN = 8
MEMORY_LINES = 100
"""How many of the last lines may have the error that a GPU's memory is too small: more can follow.
"""
OUT_OF_MEMORY = ("CUDA out of memory", "OutOfMemoryError", "HIP out of memory")
MEMORY_ERROR = re.compile(
    r"(\[rank\d+\]: ?)?([\w.]*OutOfMemoryError|[\w.]*Error: (CUDA|HIP) out of memory)"
)
"""How such an error begins. Further up, a program may have printed that it has handled one."""
UNFOLLOWED = (
    "it has a run at W&B that could not be followed: its command or a script sets PYTHONPATH anew, "
    "or Python ignores that (-I, -E); let it keep what is there (PYTHONPATH=src:$PYTHONPATH), or "
    "give --metrics-from"
)
OF_TENSORBOARD = (
    "what W&B takes over from TensorBoard is not followed: log the metric with wandb.log, too"
)
KILLED = "it was killed, or the machine's memory was short"
OF_SIGNALS = 128
"""A shell's exit status is this plus the number of the signal that has ended its command."""


class ProgramError(Exception):
    """The program of a trial failed or crashed; another try may help."""


class GpuMemoryError(ProgramError):
    """The program of a trial has found too little memory on its GPU."""


def check_end(ended: ProgramEnd, output: Path, start: int = 0) -> None:
    """Check that a program has ended well.

    Args:
        ended: how it has ended.
        output: the file with what it has printed.
        start: how many bytes of that are of earlier tries.

    Raises:
        ProgramError: it has not, with the last lines of its output.
    """
    if not ended.status and not ended.error:
        return
    told = _lines(output, start)
    lines = told[-LAST_LINES:]
    how = _how(ended)
    # The last line of a traceback is the error.
    first = f"{how}: {lines[-1]}" if lines else how
    text = "\n".join([first, *lines[:-1], f"all that it has printed is in {output}"])
    is_memory = any(sign in line for line in lines for sign in OUT_OF_MEMORY)
    if is_memory or any(map(MEMORY_ERROR.match, told[-MEMORY_LINES:])):
        raise GpuMemoryError(text)
    raise ProgramError(text)


def _how(ended: ProgramEnd) -> str:
    """In W&B's words: a program that a signal has ended has crashed, any other one has failed."""
    if ended.error:
        return f"the program could not be run: {ended.error}"
    if ended.status > 0:
        killed = ended.status - OF_SIGNALS == signal.SIGKILL
        hint = f" (SIGKILL: {KILLED})" if killed else ""
        return f"the program failed with exit status {ended.status}{hint}"
    try:
        name = signal.Signals(-ended.status).name
    except ValueError:
        name = f"signal {-ended.status}"
    hint = f" ({KILLED})" if -ended.status == signal.SIGKILL else ""
    return f"the program crashed: {name} ended it{hint}"


def no_metric(wanted: str, logged: Collection[str], source: str, hidden: str) -> PcsearchError:
    """The error that a program has ended without the metric of the search.

    Args:
        wanted: the metric's name; empty where the search has none.
        logged: the names that it has logged.
        source: where metrics are read from: ``wandb`` or that of ``--metrics-from``.
        hidden: why some of what it logs may not be seen; empty where all is.
    """
    if hidden and not logged:
        return PcsearchError(f"the program has ended without the metric {wanted!r}; {hidden}")
    if not logged and source == "wandb":
        advice = "a program that does not use W&B needs --metrics-from stdout or a file"
        return PcsearchError(f"the program has ended, and logged nothing to W&B; {advice}")
    if not logged:
        advice = f"it needs lines such as {wanted or 'loss'}: 0.5, or of JSON"
        if source != STDOUT:
            advice = "it needs lines of JSON (.jsonl), or a table with a header (.csv)"
        return PcsearchError(f"the program has ended, and {source} has no metrics; {advice}")
    return PcsearchError(
        f"the program has ended without the metric {wanted!r}{_logged(wanted, logged)}"
        f"{'; ' if hidden else ''}{hidden}"
    )


def stopped() -> PcsearchError:
    """The error that the user has stopped a program that has reported nothing."""
    return PcsearchError("it was stopped at W&B before its first report")


def no_epoch_key(wanted: str, logged: Collection[str]) -> PcsearchError:
    """The error that a program does not say its epoch, or not by this name.

    Args:
        wanted: the name of ``--epoch-key``.
        logged: the names that it has logged.
    """
    found = _logged(wanted, logged)
    return PcsearchError(f"the program does not log {wanted!r}, its epoch (--epoch-key){found}")


def _logged(wanted: str, logged: Collection[str]) -> str:
    nearest = difflib.get_close_matches(wanted, logged, 1)
    hint = f"; nearest is {nearest[0]!r}" if nearest else ""
    names = ", ".join(sorted(logged)[:SHOWN])
    more = f" and {len(logged) - SHOWN} more" if len(logged) > SHOWN else ""
    return f"{hint}; it logged {names}{more}"


def last_lines(output: Path, start: int = 0) -> list[str]:
    """The last lines of a program's output that are not empty, without colours.

    Those that W&B's client prints at the end of a run are left out, and those of a launcher: they
    come after the error. W&B's errors stay, and so do such lines where there are no others.

    Args:
        output: the file of the output.
        start: how many of its bytes are of earlier tries.
    """
    return _lines(output, start)[-LAST_LINES:]


def _lines(output: Path, start: int) -> list[str]:
    try:
        with output.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(start, stream.tell() - LAST_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    # A progress bar writes over its line.
    lines = [COLOURS.sub("", line.rpartition("\r")[2]).rstrip() for line in text.split("\n")]
    told = [line for line in lines if line]
    own = [line for line in told if not OF_WANDB.match(line)]
    return [bounded(line, 300) for line in without_launcher(own or told)]
