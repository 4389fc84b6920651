"""The process of a trial, which a later trial may use: it finds the process as it was at its start.

Another process for each trial would cost a second or two.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pcsearch.engine.ray_internals import ray_psutil

ENDING_S = 1.0
"""How long a process that a trial has left may take to end after SIGTERM."""
OF_RAY = ("RAY_", "TUNE_", "CUDA_", "OMP_")
"""How the variables begin that Ray and Tune set for each trial."""


@contextmanager
def as_at_its_start(folder: Path) -> Iterator[None]:
    """Run the block in a folder, and then put back what it has changed of the process.

    These are the environment, the mask of file modes, the random states, torch's default type and
    threads, and the processes that it has left, which are ended. What it has changed in modules
    stays, with what they have added to Python's path, and so do its threads.

    Args:
        folder: where relative paths start.
    """
    environment, arguments = dict(os.environ), list(sys.argv)
    mask = os.umask(0)
    os.umask(mask)
    children = set(_children())
    os.chdir(folder)
    try:
        yield
    finally:
        for name in (name for name in {*os.environ, *environment} if not name.startswith(OF_RAY)):
            if name in environment:
                os.environ[name] = environment[name]
            else:
                del os.environ[name]
        os.umask(mask)
        sys.argv[:] = arguments
        _end([child for child in _children() if child not in children])
        _reset_libraries()


def _reset_libraries() -> None:
    """Give the libraries random states, types and threads as in a new process."""
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()
        torch.set_default_dtype(torch.float32)
        if threads := os.environ.get("OMP_NUM_THREADS"):
            torch.set_num_threads(int(threads))


def _children() -> list[Any]:
    """The processes that this one has started, as psutil has them."""
    children: list[Any] = ray_psutil().Process().children(recursive=True)
    return children


def _end(processes: list[Any]) -> None:
    psutil = ray_psutil()
    for end in ("terminate", "kill"):
        for process in processes:
            try:
                getattr(process, end)()
            except psutil.Error:
                continue
        _, processes = psutil.wait_procs(processes, ENDING_S)
        if not processes:
            return
