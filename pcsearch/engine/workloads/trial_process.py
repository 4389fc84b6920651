"""The process of a trial, which a later trial may use: it finds the process as it was at its start.

Another process for each trial would cost a second or two.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ENDING_S = 1.0
"""How long a process that a trial has left may take to end after SIGTERM."""
OF_RAY = ("RAY_", "TUNE_")
"""How the variables begin that Ray and Tune may set at any time."""


@contextmanager
def as_at_its_start(folder: Path) -> Iterator[None]:
    """Run the block in a folder, and then put back what it has changed of the process.

    These are the environment, the arguments, the standard streams, the mask of file modes, the
    random states, Python's limits and defaults (`_Defaults`), torch's settings
    (`_reset_libraries`), and the processes that it has started and forgotten, which are ended.
    What it has changed in modules stays, with what they have added to Python's path; and so do its
    threads, and the processes that a module still holds.

    Args:
        folder: where relative paths start.
    """
    environment, arguments = dict(os.environ), list(sys.argv)
    streams, defaults = (sys.stdin, sys.stdout, sys.stderr), _Defaults.now()
    mask = os.umask(0)
    os.umask(mask)
    forgotten = {process.pid for process in _forgotten()}
    os.chdir(folder)
    try:
        yield
    except BaseException as error:
        # Its variables hold what it has started, as long as somebody holds the error.
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        defaults.restore()
        for name in (name for name in {*os.environ, *environment} if not name.startswith(OF_RAY)):
            if name in environment:
                os.environ[name] = environment[name]
            else:
                del os.environ[name]
        os.umask(mask)
        sys.argv[:] = arguments
        _end([process for process in _forgotten() if process.pid not in forgotten])
        _reset_libraries()


class _Defaults(NamedTuple):
    """Settings of Python itself that hold for the whole process.

    Args:
        start_method: of `multiprocessing`, None where it is not chosen yet.
        timeout: of new sockets, in seconds; None for none.
        recursion: the deepest recursion.
    """

    start_method: str | None
    timeout: float | None
    recursion: int

    @classmethod
    def now(cls) -> _Defaults:
        """The settings of this process now."""
        method = multiprocessing.get_start_method(allow_none=True)
        return cls(method, socket.getdefaulttimeout(), sys.getrecursionlimit())

    def restore(self) -> None:
        """Give this process these settings."""
        multiprocessing.set_start_method(self.start_method, force=True)
        socket.setdefaulttimeout(self.timeout)
        sys.setrecursionlimit(self.recursion)


def _reset_libraries() -> None:
    """Give the libraries random states, types and threads as in a new process."""
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()
        torch.set_default_dtype(torch.float32)
        torch.use_deterministic_algorithms(False)
        torch.set_float32_matmul_precision("highest")
        torch.autograd.set_detect_anomaly(False)
        torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = False
        # OpenMP takes a list, of which the first is the outermost.
        threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
        if threads.isdigit() and int(threads) > 0:
            torch.set_num_threads(int(threads))


def _forgotten() -> list[subprocess.Popen[Any]]:
    """The processes that run although nothing in this process holds them any more.

    Python has no public name for them. To end all children would end those that a module holds for
    the next trial, such as W&B's own process and those of a pool.
    """
    return [each for each in list(subprocess._active) if each.poll() is None]  # type: ignore[attr-defined]


def _end(processes: list[subprocess.Popen[Any]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
