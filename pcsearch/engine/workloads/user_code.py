"""Finds the modules of a user's training function, on this machine and on a node."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SHIPPED_VARIABLE = "PCSEARCH_SHIPPED"
"""The variable that is set in the processes of nodes to which the modules were sent."""
PACKAGE = "pcsearch"
# Nodes have their own installed packages, and need no tests.
LEFT_OUT = {"__pycache__", "dist-packages", "node_modules", "site-packages", "tests", "venv"}


@dataclass(frozen=True)
class Code:
    """What nodes need of the user.

    Args:
        folder: of the modules, or of the program.
        program: what stands for the program in its command, where trials run one: it gets all files
            of the folder. None where they import modules.
    """

    folder: Path
    program: str | None = None


def code_folder(folder: Path) -> Path:
    """The folder of the user's modules for this process.

    Args:
        folder: of the modules on the driver's machine.

    Returns:
        The folder that was sent to this node, or else ``folder``.
    """
    if SHIPPED_VARIABLE in os.environ:
        return Path(__file__).parents[3]
    return folder


def module_root(module: str, folder: Path) -> Path | None:
    """The folder that has to be sent to nodes for a module of the user.

    Args:
        module: its dotted name; it can be imported.
        folder: where it is looked for first.

    Returns:
        The folder that the module is in, None for an installed package, which is not sent.
    """
    top = module.partition(".")[0]
    if any((folder / name).exists() for name in (f"{top}.py", top)):
        return folder
    spec = None if top in sys.stdlib_module_names else find_spec(top)
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    root = origin.parents[1] if spec.submodule_search_locations else origin.parent
    return None if LEFT_OUT & set(origin.parts) or top == PACKAGE else root
