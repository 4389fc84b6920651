"""The command in processes that are forked from one which has loaded everything, on this one's Ray.

Whoever kills it again and again should not wait for its imports and for Ray's start each time.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = [
    "optuna",
    "pcsearch.cli",
    "pcsearch.commands",
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


def fork(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> ForkServerProcess:
    """Start the command in a folder; what it prints goes to the folder's file `OUTPUT`.

    It finds itself connected to the Ray that this process is connected to.

    Args:
        folder: the command's.
        arguments: of the command.
        environment: variables to set for it: it has those of the first process that was forked.
    """
    import ray

    context = get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    address = ray.get_runtime_context().gcs_address
    # Each Ray has a token of its own, and a folder.
    of_ray = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    settings = {**of_ray, **(environment or {})}
    process = context.Process(target=_command, args=(folder, arguments, address, settings))
    process.start()
    return process


def finish(process: ForkServerProcess, folder: Path, seconds: float = 240) -> str:
    """Wait until the command has ended well; what all of the folder have printed."""
    process.join(seconds)
    text = (folder / OUTPUT).read_text(encoding="utf-8")
    assert process.exitcode == 0, text
    return text


def _command(
    folder: Path, arguments: Sequence[str], address: str, environment: Mapping[str, str]
) -> None:
    # By it W&B's client would look for the W&B process of the tests, which may have ended.
    os.environ.pop("WANDB_SERVICE", None)
    # The process that forks this one may have those of a Ray that has ended.
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    import ray

    from pcsearch.cli import main

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    status = main(arguments)
    ray.shutdown()
    sys.exit(status)
