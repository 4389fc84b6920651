"""Starts a trial's program, and gives what it reports until it has ended."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pcsearch.engine.workloads.programs import supervisor
from pcsearch.engine.workloads.programs.follower import Message, Receive
from pcsearch.engine.workloads.programs.rows import ProgramReport, Rows

ENDING_S = 10.0
"""How many seconds the supervisor may take to end a program, besides the two grace periods."""


def longest_end(grace: float) -> float:
    """The most seconds that a stop takes: grace for the program, then for the processes it left."""
    return 2 * grace + ENDING_S


@dataclass(frozen=True)
class ProgramEnd:
    """How a program has ended.

    Args:
        status: its exit status; the negative number of the signal that ended it.
        error: why it could not be started, else an empty string.
    """

    status: int = 0
    error: str = ""


class Source(Protocol):
    """Where the messages of a program come from."""

    def close(self) -> None:
        """Read what is there, and end."""


class ProgramProcess:
    """A program that runs, with all that it starts.

    Args:
        command: its words.
        environment: all its variables.
        folder: where it runs.
        output: the file that gets what it prints.
        grace: how many seconds it may take to end after SIGTERM.
        rows: makes its reports.
        source: makes the source of its messages, which is given what to call with each.
        held: a descriptor that is open until the program has ended, None for none.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
        grace: float,
        rows: Rows,
        source: Callable[[Receive], Source],
        held: int | None = None,
    ) -> None:
        self._rows, self._grace = rows, grace
        self._events: queue.SimpleQueue[tuple[Message, int] | ProgramEnd] = queue.SimpleQueue()
        self._source = source(lambda message, place: self._events.put((message, place)))
        settings = {
            "command": list(command),
            "environment": dict(environment),
            "folder": str(folder),
            "output": str(output),
            "grace": grace,
        }
        started = subprocess.Popen(  # noqa: S603 - a file of ours
            [sys.executable, "-I", "-S", supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=() if held is None else (held,),
        )
        assert started.stdin is not None
        assert started.stdout is not None
        self._lifeline, self._told = started.stdin, started.stdout
        self._lifeline.write(json.dumps(settings).encode() + b"\n")
        self._lifeline.flush()
        # It leaves a child, which is the supervisor.
        started.wait()
        self.ended: ProgramEnd | None = None
        """How it has ended, None while it runs."""
        self._waiter = threading.Thread(target=self._await_end, name="program", daemon=True)
        self._waiter.start()
        global _running
        _running = self

    def reports(self) -> Iterator[ProgramReport]:
        """The reports of the program, each as soon as it is complete, until it has ended.

        One that the user stops at W&B is interrupted by W&B's client, and may take as long to end
        as after SIGTERM.
        """
        patience: threading.Timer | None = None
        while True:
            event = self._next()
            if isinstance(event, ProgramEnd):
                if patience is not None:
                    patience.cancel()
                yield from self._rows.rest()
                return
            yield from self._rows.due() if event is None else self._rows.add(*event)
            if self._rows.is_stopped and patience is None:
                patience = threading.Timer(self._grace, self.stop)
                patience.daemon = True
                patience.start()

    def stop(self) -> None:
        """End the program and all that it has started; wait until they have ended."""
        global _running
        if _running is self:
            _running = None
        with suppress(OSError):
            self._lifeline.close()
        self._waiter.join(longest_end(self._grace))

    def _next(self) -> tuple[Message, int] | ProgramEnd | None:
        with suppress(queue.Empty):
            return self._events.get(timeout=self._rows.wait())
        return None

    def _await_end(self) -> None:
        with self._told as told:
            ends = [ProgramEnd(**json.loads(line)) for line in told]
        self.ended = (
            ends[0] if ends else ProgramEnd(error="the process that supervises it was killed")
        )
        with suppress(OSError):
            self._lifeline.close()
        try:
            # What the program has sent comes before its end.
            self._source.close()
        finally:
            self._events.put(self.ended)


_running: ProgramProcess | None = None
"""The program of the trial that this process runs."""


def stop_program() -> None:
    """End the program of this process's trial, where one runs: the trial is over."""
    if _running is not None:
        _running.stop()
