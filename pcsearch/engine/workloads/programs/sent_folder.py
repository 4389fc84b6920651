"""The folder in which programs run, also on a node that does not see that of the start."""

from __future__ import annotations

import os
import shutil
import tarfile
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from pcsearch.engine.workloads.user_code import code_folder

ARCHIVE = "program.tar.gz"
"""The file with the folder of the start, in what is sent to nodes."""
UNPACKED = "program"


def start_folder(folder: Path, word: str) -> Path:
    """The folder in which a program runs on this node.

    Args:
        folder: where the search was started, on the driver's machine.
        word: what stands for the program in its command.

    Returns:
        That folder where this node has it, with the program in it; else a copy that was sent.
    """
    sent = code_folder(folder)
    archive = sent / ARCHIVE
    if sent == folder or not archive.is_file():
        return folder
    copy = _unpacked(archive)
    # Of a module or an installed command, what lies beside it tells whether it is the same folder.
    names = [word] if (copy / word).is_file() else [each.name for each in copy.iterdir()]
    is_here = folder.is_dir() and (not names or any((folder / name).exists() for name in names))
    return folder if is_here else copy


def moved(text: str, before: Path, after: Path) -> str:
    """Paths in the folder of the start, separated as in ``PATH``, as paths in another folder."""
    return os.pathsep.join(_moved(each, before, after) for each in text.split(os.pathsep))


def _moved(path: str, before: Path, after: Path) -> str:
    is_below = path == str(before) or path.startswith(f"{before}{os.sep}")
    return f"{after}{path[len(str(before)) :]}" if is_below else path


def _unpacked(archive: Path) -> Path:
    """The files of the archive, which the first trial of a node unpacks for all."""
    target = archive.with_name(UNPACKED)
    if not target.is_dir():
        folder = mkdtemp(dir=archive.parent)
        with tarfile.open(archive) as files:
            # The driver has made it.
            files.extractall(folder, filter="tar")
        # Another trial may have been faster.
        with suppress(OSError):
            Path(folder).rename(target)
        shutil.rmtree(folder, ignore_errors=True)
    return target
