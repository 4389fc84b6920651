"""Sends what a program logs to W&B to the trial that runs it, beside what W&B's client does.

It changes three public names of wandb when the program imports that: ``wandb.init``, ``Run.log``
and ``Run.finish``. It needs nothing but Python, because it runs in the program's own, and no error
of it reaches the program.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import socket
import sys
import threading
from contextlib import suppress
from inspect import signature
from typing import Any

CHANNEL = "PCSEARCH_CHANNEL"
OF_THE_TRIAL = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "id": "WANDB_RUN_ID",
    "group": "WANDB_RUN_GROUP",
    "dir": "WANDB_DIR",
    "mode": "WANDB_MODE",
    "resume": "WANDB_RESUME",
}
"""The arguments of ``wandb.init`` that the search decides, as at W&B, and their variables."""
TAGS = "PCSEARCH_WANDB_TAGS"
LONGEST_TEXT = 1000
DEEPEST = 10


class Sender:
    """The connection of this process to its trial."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process = 0

    def send(self, kind: str, values: dict[str, Any], **more: Any) -> None:
        """Send a message; where that fails, nothing more is sent."""
        try:
            data = json.dumps({"kind": kind, "values": values, **more}).encode() + b"\n"
            with self._lock:
                if self._process != os.getpid():
                    # A process that was forked has a connection of its own.
                    self._process = os.getpid()
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    self._socket.connect(os.environ[CHANNEL])
                if self._socket is not None:
                    self._socket.sendall(data)
        except Exception:
            self._socket = None


SENDER = Sender()


def install() -> None:
    """Change wandb as soon as the program imports it."""
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds wandb where it is, and changes it after it was imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's spec, for wandb only."""
        if name != "wandb":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("wandb")
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)
            return None
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            try:
                _change(module)
            except Exception as error:
                sys.stderr.write(f"pcsearch: this wandb cannot be followed: {error!r}\n")

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _change(wandb: Any) -> None:
    from wandb.sdk import wandb_run

    run_type: Any = wandb_run.Run
    log, finish, init = run_type.log, run_type.finish, wandb.init

    def logging(self: Any, data: Any, step: Any = None, commit: Any = None, **more: Any) -> Any:
        result = log(self, data, step, commit, **more)
        with suppress(Exception):
            SENDER.send("log", plain(data), step=step, commit=commit)
        return result

    def finishing(self: Any, *arguments: Any, **more: Any) -> Any:
        _send_summary(self)
        return finish(self, *arguments, **more)

    def starting(*arguments: Any, **more: Any) -> Any:
        given = signature(init).bind_partial(*arguments, **more).arguments
        for name, variable in OF_THE_TRIAL.items():
            if os.environ.get(variable):
                given[name] = os.environ[variable]
        if os.environ.get(TAGS):
            given["tags"] = [*(given.get("tags") or ()), *json.loads(os.environ[TAGS])]
        run = init(**given)
        # It comes before W&B's own, which was registered before it.
        atexit.register(_send_summary, run)
        return run

    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(
            "wandb.agent() and wandb.sweep() start runs of their own, and pcsearch runs the "
            "trials of this sweep: let the program train once, with the values of wandb.config"
        )

    pairs: list[tuple[Any, Any]] = [(logging, log), (finishing, finish), (starting, init)]
    for ours, theirs in pairs:
        ours.__doc__, ours.__name__, ours.__wrapped__ = theirs.__doc__, theirs.__name__, theirs
    run_type.log, run_type.finish, wandb.init = logging, finishing, starting
    wandb.agent = wandb.sweep = refuse


def _send_summary(run: Any) -> None:
    with suppress(Exception):
        SENDER.send("summary", plain(run.summary))


def plain(values: Any, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """The numbers and short texts of what was logged, nested ones under one name, as at W&B."""
    found: dict[str, Any] = {}
    # A part of a summary has keys, and is no dict.
    for key in list(values.keys()):
        name, value = prefix + str(key), values[key]
        if hasattr(type(value), "keys"):
            if depth < DEEPEST and "_type" not in list(value.keys()):
                found.update(plain(value, name + ".", depth + 1))
            continue
        number = value if isinstance(value, (bool, int, float, str)) else _number(value)
        if number is not None and not (isinstance(number, str) and len(number) > LONGEST_TEXT):
            found[name] = number
    return found


def _number(value: Any) -> Any:
    """The number of an array or a tensor of one, None of anything else."""
    if not hasattr(type(value), "item"):
        return None
    try:
        # It is a method of torch's tensors.
        count = value.numel() if hasattr(value, "numel") else value.size
        number = value.item() if count == 1 else None
    except Exception:
        return None
    return number if isinstance(number, (bool, int, float)) else None
