"""Functions that a Python program gives as they are: they need not be in a module."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError, Problem

OPTION = "--trainable"
PROGRAM = "__main__"
"""The module of a program, and of a notebook, which no other process can import."""
Function = Callable[[dict[str, Any]], Any]


def label_of(function: Function) -> str:
    """``MODULE:FUNCTION``, or what comes near it for a function without a name."""
    module = getattr(function, "__module__", None) or PROGRAM
    return f"{module}:{getattr(function, '__qualname__', f'<{type(function).__name__}>')}"


def name_of(trainable: str | Function | None) -> str | None:
    """What trials run, as ``--trainable`` has it: of a function its label."""
    return label_of(trainable) if callable(trainable) else trainable


def without_module(target: str) -> bool:
    """Whether a label is that of a function that cannot be imported by it."""
    return target.startswith(f"{PROGRAM}:") or "<" in target


def importable(function: Function, folder: Path) -> str | None:
    """The ``MODULE:FUNCTION`` by which other processes can import a function, None without one.

    Args:
        function: of the user.
        folder: where its module is looked for first, before Python's own path.
    """
    label = label_of(function)
    module, _, path = label.rpartition(":")
    if without_module(label):
        return None
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    top = module.partition(".")[0]
    is_there = PathFinder.find_spec(top, [str(folder), *sys.path]) is not None
    return label if found is function and is_there else None


def pickled(function: Function) -> bytes:
    """A function with all that it refers to, as it is sent to the processes of trials.

    Raises:
        PcsearchError: something in it cannot be sent.
    """
    from ray import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(function)  # type: ignore[no-untyped-call]
    # An object of the user may do anything when it is pickled.
    except Exception as error:
        reason = " ".join(str(error).split())
        message = (
            f"{label_of(function)} cannot be sent to the processes of trials ({reason}); make in "
            "it what it needs"
        )
        raise PcsearchError(Problem(message, OPTION)) from error
    return data


def unpickled(data: bytes) -> Function:
    """The function, in the process of a trial."""
    from ray import cloudpickle

    function: Function = cloudpickle.loads(data)
    return function


def lost(target: str) -> PcsearchError:
    """The error of a search whose function is needed, and is not given."""
    name = target.rpartition(":")[2]
    message = (
        f"{target} is a function of a Python program, which no command can import; resume the "
        f"search in Python, with the function: pcsearch.resume(DIR, {name})"
    )
    return PcsearchError(Problem(message, OPTION))
