"""Where the modules of a user's training function are, on this machine and on a node."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pcsearch

SHIPPED_VARIABLE = "PCSEARCH_SHIPPED"
"""Is set in the processes of nodes that were sent the modules."""
PACKAGE = "pcsearch"
# Installed packages are the nodes' own affair; tests are of no use there.
LEFT_OUT = {"__pycache__", "dist-packages", "node_modules", "site-packages", "tests", "venv"}


def code_folder(folder: Path) -> Path:
    """Where the user's modules are in this process: what was sent along, else ``folder``."""
    if SHIPPED_VARIABLE in os.environ:
        return Path(pcsearch.__file__).parents[1]
    return folder


def module_root(module: str, folder: Path) -> Path | None:
    """The folder of a module of the user's that has to be sent along.

    Args:
        module: its dotted name; it can be imported.
        folder: where it is looked for first.

    Returns:
        None for an installed package: the nodes have it or do not.
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
