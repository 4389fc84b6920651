"""Serves ``wandb.sweep`` and ``wandb.agent`` of a script that has both, without W&B's server.

The script is started once to learn which sweep it wants, and once for each trial. Like the hook
beside it, this module needs nothing but Python.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import traceback
from typing import Any, NoReturn

PLAN = "PCSEARCH_PLAN_FILE"
"""The variable with the file that gets the sweep; it is set where no trial runs."""
FUNCTION = "PCSEARCH_FUNCTION"
"""The variable that is set where the script runs its function for a trial."""
INSIDE = "inside"
"""Its value once the function has begun, also for the processes that the function starts."""

_sweeps: dict[str, dict[str, Any]] = {}
"""The sweeps that the script has made, by the ids that it was given."""


def serve(wandb: Any) -> None:
    """Put ours in the place of W&B's two functions, where this script's are served."""
    if os.environ.get(PLAN):
        wandb.sweep, wandb.agent = _noted, _planned
    elif os.environ.get(FUNCTION):
        wandb.sweep, wandb.agent = _known, _run


def is_outside() -> bool:
    """Whether the script is not in its function: what it logs there belongs to no trial."""
    return bool(os.environ.get(PLAN)) or os.environ.get(FUNCTION, INSIDE) != INSIDE


def _noted(sweep: Any, entity: Any = None, project: Any = None, *_: Any, **__: Any) -> str:
    """Take note of a sweep; its id. Runs of earlier sweeps are not in it."""
    config = sweep() if callable(sweep) else sweep
    if not isinstance(config, dict):
        _end(error=f"wandb.sweep: a {type(config).__name__} is no sweep; give a dictionary")
    own = {"entity": entity, "project": project}
    _sweeps[f"sweep{len(_sweeps)}"] = config | {k: v for k, v in own.items() if v}
    return f"sweep{len(_sweeps) - 1}"


def _planned(sweep_id: Any, function: Any = None, *others: Any, **named: Any) -> NoReturn:
    """Write the sweep of an agent, and end the process: its trials come later."""
    count = named.get("count", others[2] if len(others) > len(("entity", "project")) else None)
    if multiprocessing.parent_process() is not None:
        _end(
            error="wandb.agent is called in a process that the script has started; call it in the "
            "script itself, and give --max-concurrent N for N trials at the same time"
        )
    config = _sweeps.get(str(sweep_id))
    if config is None:
        _end(
            error=f"wandb.agent({sweep_id!r}) is for a sweep that this start of the script has not "
            "made; let it call wandb.sweep with a dictionary of that sweep (yaml.safe_load of its "
            f"file), or, if that names a program, start python -m pcsearch --sweep-id {sweep_id}"
        )
    _end(config=config, count=count, has_function=function is not None)


def _end(**what: Any) -> NoReturn:
    try:
        text = json.dumps(what, default=_plain)
    except (TypeError, ValueError) as error:
        text = json.dumps({"error": f"wandb.sweep: {error}; give numbers, texts and lists"})
    with open(os.environ[PLAN], "w", encoding="utf-8") as file:
        file.write(text)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # No handler of the script for its own errors and ends goes on with it.
    os._exit(0)


def _plain(value: Any) -> Any:
    """The lists and numbers of Python in place of those of numpy."""
    if type(value).__module__ == "numpy":
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} cannot be in a sweep")


def _known(*_: Any, **__: Any) -> str:
    """The id of the trial's sweep."""
    return os.environ.get("WANDB_SWEEP_ID") or "sweep0"


def _run(sweep_id: Any, function: Any, *_: Any, **__: Any) -> NoReturn:  # noqa: ARG001 - a name of W&B
    """Run the function once, for this trial, and end the script."""
    import wandb

    # A run from before belongs to no trial.
    wandb.finish()
    os.environ[FUNCTION] = INSIDE
    try:
        function()
    except Exception:
        # A handler of the script for errors of an agent would make a good trial of it.
        traceback.print_exc()
        wandb.finish(exit_code=1)
        sys.exit(1)
    wandb.finish()
    sys.exit()
