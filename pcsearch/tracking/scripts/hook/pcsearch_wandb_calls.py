"""Refuses the calls of W&B that cannot work in a trial, each with a line that says why.

Like the hook beside it, this module needs nothing but Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

RUNS_TRIALS = (
    "starts runs of its own, and pcsearch runs the trials of this sweep: let the program train "
    "once, with the values of wandb.config, or start it with python -m pcsearch run FILE.py"
)
NO_SERVER = (
    "asks W&B's server, and this search is offline: leave it out, or give --wandb online to "
    "the search"
)


def refuse(wandb: Any) -> None:
    """Put refusals in the place of functions: agents and sweeps, and offline what asks a server."""
    wandb.agent = _refusal("wandb.agent()", RUNS_TRIALS)
    wandb.sweep = _refusal("wandb.sweep()", RUNS_TRIALS)
    if os.environ.get("WANDB_MODE") == "offline":
        from wandb.sdk import wandb_run

        run_type: Any = wandb_run.Run
        # A program may name it as a type where it makes none.
        wandb.Api = type("Api", (), {"__init__": _refusal("wandb.Api()", NO_SERVER)})
        run_type.use_artifact = _refusal("use_artifact()", NO_SERVER)


def tell_of_one_run() -> None:
    """Tell that a second run of a process is the first one."""
    sys.stderr.write(
        "pcsearch: wandb.init(reinit='create_new') gives the run that is open: a trial has one\n"
    )


def _refusal(name: str, reason: str) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"{name} {reason}")

    return refused
