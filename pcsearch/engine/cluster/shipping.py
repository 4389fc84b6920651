"""Sends pcsearch and the user's own modules, or program, to the nodes of a cluster.

A node needs ray and torch. All else is in one folder, the ``working_dir`` of Ray's runtime
environment: Ray sends it to each node once, and puts it first on the workers' import path.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pcsearch
from pcsearch.engine.cluster.program_folder import pack, too_large
from pcsearch.engine.workloads.programs.sent_folder import ARCHIVE
from pcsearch.engine.workloads.user_code import LEFT_OUT, PACKAGE, SHIPPED_VARIABLE, Code
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.temporary import temporary_folder

UNSENT = ("__pycache__", "assets")
"""Folders of pcsearch that no node uses; the assets are those of the page, which is drawn here."""
LARGEST_FILE = 2 * 1024**2
LARGEST_PACKAGE = 50 * 1024**2


@contextmanager
def packed(code: Code | None) -> Iterator[dict[str, Any]]:
    """The runtime environment of a search; its files exist until the block ends.

    Args:
        code: the user's modules or program, None where there is nothing to send.

    Raises:
        PcsearchError: the modules are too large.
    """
    with temporary_folder() as folder:
        source = Path(pcsearch.__file__).parent
        shutil.copytree(source, folder / PACKAGE, ignore=shutil.ignore_patterns(*UNSENT))
        _add_digits(folder)
        if code is not None and code.program is None:
            _add_modules(code.folder, folder)
        elif code is not None and not too_large(code.folder):
            pack(code.folder, folder / ARCHIVE)
        # A job that was submitted to the cluster has an environment already; Ray merges the two.
        os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")
        yield {"working_dir": str(folder), "env_vars": {SHIPPED_VARIABLE: "1"}}


def unsent(code: Code | None) -> dict[str, str]:
    """What nodes must have of a program because it is not sent: a path, and what to do.

    Args:
        code: as for `packed`.
    """
    if code is None or code.program is None:
        return {}
    program = code.folder / code.program
    if program.is_file() and not program.is_relative_to(code.folder):
        return {str(program): "copy it there, or start pcsearch in a folder that has it"}
    reason = too_large(code.folder)
    return {str(program if program.is_file() else code.folder): reason} if reason else {}


def _add_digits(folder: Path) -> None:
    """Add scikit-learn's digit images, for nodes without scikit-learn."""
    # Few commands send anything, and numpy would be loaded for all.
    from pcsearch.pc.data.digits import FILE, source

    there = source()
    target = folder / FILE.relative_to(Path(pcsearch.__file__).parents[1])
    if there is not None and not target.exists():
        shutil.copyfile(there, target)


def _add_modules(code: Path, folder: Path) -> None:
    """Copy the modules and packages of a folder."""
    total = 0
    for source in _files(code):
        size = source.stat().st_size
        total += 0 if size > LARGEST_FILE else size
        if total > LARGEST_PACKAGE:
            raise PcsearchError(
                Problem(
                    f"the modules of {code} are more than {LARGEST_PACKAGE >> 20} MB, too much to "
                    "send to the nodes; start the search in a folder with less beside the module",
                    "--trainable",
                )
            )
        target = folder / source.relative_to(code)
        # A large file is no code. A file of pcsearch is in the folder already.
        if size <= LARGEST_FILE and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _files(code: Path) -> Iterator[Path]:
    """The modules of a folder, and every file of its packages."""
    for entry in sorted(code.iterdir()):
        if entry.suffix == ".py" and entry.is_file():
            yield entry
        elif entry.name.isidentifier() and entry.is_dir() and _is_package(entry):
            for parent, folders, names in os.walk(entry):
                folders[:] = [each for each in sorted(folders) if _is_sent(Path(parent, each))]
                yield from (
                    path for name in sorted(names) if (path := Path(parent, name)).is_file()
                )


def _is_package(folder: Path) -> bool:
    return _is_sent(folder) and folder.name != PACKAGE and any(folder.glob("*.py"))


def _is_sent(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (folder.name in LEFT_OUT or folder.name.startswith(".") or is_environment)
