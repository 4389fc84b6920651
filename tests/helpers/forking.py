"""The command in processes that are forked from one which has loaded everything, on this one's Ray.

Whoever kills it again and again should not wait for its imports and for Ray's start each time.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = [
    "optuna",
    "pcsearch.command_line.cli",
    "pcsearch.command_line.commands",
    "pcsearch.engine.workloads.pc_trainable",
    "pcsearch.engine.execution.restore",
    "pcsearch.engine.execution.run",
    "pcsearch.engine.search.sampling.samplers",
    "pcsearch.reports.live",
    "pcsearch.sessions.session",
    "pcsearch.tracking.server.registration",
    "pcsearch.tracking.runs.context",
    "pcsearch.tracking.callback",
    "pcsearch.tracking.server.mode",
    "scipy.stats",
    "torch",
    "wandb",
]
"""What the command loads before and while it searches; Ray is imported and not started."""
OUTPUT = "forked.txt"
STREAMS, NAMES = 50, 1000
"""So many commands in turn draw different random names, each of them so many at most."""
_numbers = itertools.count()


def _nothing() -> None:
    pass


def fork(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    outputs: tuple[str, str] = (OUTPUT, OUTPUT),
    before: Callable[[], None] = _nothing,
) -> ForkServerProcess:
    """Start the command in a folder; what it prints goes to the folder's file `OUTPUT`.

    The process has the name of the file of its errors, and finds itself connected to the Ray that
    this process is connected to.

    Args:
        folder: the command's.
        arguments: of the command.
        environment: variables to set for it, besides those of this process.
        outputs: the files in the folder for standard output and standard error.
        before: is called in its process first; a function of a module of the helpers.
    """
    import ray

    context = get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    address = ray.get_runtime_context().gcs_address
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    # By it W&B's client would look for the W&B process of the tests, which may have ended.
    settings.pop("WANDB_SERVICE", None)
    given = (folder, arguments, address, settings, outputs, before, next(_numbers))
    process = context.Process(target=_command, args=given, name=str(folder / outputs[1]))
    process.start()
    return process


class Forked:
    """A command that was forked, with its standard output and standard error apart.

    Args:
        folder: the command's.
        arguments: of the command.
        environment: as `fork` takes it.
        before: as `fork` takes it.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] = _nothing,
    ) -> None:
        number = next(_numbers)
        outputs = (f"forked_{number}.out", f"forked_{number}.err")
        self._files = [folder / each for each in outputs]
        self.process = fork(
            folder, *arguments, environment=environment, outputs=outputs, before=before
        )

    def finish(self, seconds: float = 240) -> tuple[int | None, str, str]:
        """The exit status, standard output and standard error, as of `commands.finish`."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        out, err = (each.read_text(encoding="utf-8") for each in self._files)
        return self.process.exitcode, out, err

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.process.kill()
        self.process.join()


def finish(process: ForkServerProcess, folder: Path, seconds: float = 240) -> str:
    """Wait until the command has ended well; what all of the folder have printed."""
    process.join(seconds)
    text = (folder / OUTPUT).read_text(encoding="utf-8")
    assert process.exitcode == 0, text
    return text


def _command(
    folder: Path,
    arguments: Sequence[str],
    address: str,
    environment: Mapping[str, str],
    outputs: tuple[str, str],
    before: Callable[[], None],
    number: int,
) -> None:
    # The process that forks this one may have those of a Ray that has ended.
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for descriptor, output in enumerate(outputs, 1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    before()
    import ray

    from pcsearch.command_line.cli import main

    # The main threads of all that are forked would draw the same random names. Each puts an object
    # into Ray's store at its start, and of two with one name the second process ends at once.
    for _ in range(number % STREAMS * NAMES):
        ray.NodeID.from_random()
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    status = main(arguments)
    ray.shutdown()
    sys.exit(status)
