"""Checks that a journal and the folders of the trials in a directory belong together."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from pcsearch.engine.records.journal.journal_file import FILE
from pcsearch.engine.storage.files import display_path
from pcsearch.errors import PcsearchError

FOLDER = r"\d{4,}_\w+"
"""The name of a trial's folder."""
UNKNOWN_SHOWN = 3


def trial_folders(directory: Path, file: str) -> set[str]:
    """The names of the trials' folders in an experiment's directory.

    Args:
        directory: the experiment's.
        file: the name of a file that each trial has: a folder of the user may have such a name.
    """
    files = directory.glob(f"[0-9][0-9][0-9][0-9]*_*/{file}")
    return {file.parent.name for file in files if re.fullmatch(FOLDER, file.parent.name)}


def check_folders(
    directory: Path, trials: Sequence[tuple[int, Path]], found: Collection[str], *, is_shared: bool
) -> None:
    """Check that a journal has every trial of a directory, and no trial that is elsewhere.

    Args:
        directory: the experiment's.
        trials: of each trial in the journal its number and its folder, by rising numbers.
        found: the names of the trials' folders in the directory.
        is_shared: whether other drivers have numbers too.

    Raises:
        PcsearchError: the journal is damaged, or does not belong to the folders.
    """
    numbers = [number for number, _ in trials]
    # Where other drivers have numbers too, any may be missing here.
    if not is_shared and numbers != list(range(1, len(numbers) + 1)):
        raise damaged(directory, "trials are missing in it")
    for number, folder in trials:
        is_here = folder.parent == directory and re.fullmatch(FOLDER, folder.name)
        if not is_here or folder.is_symlink():
            raise damaged(directory, f"trial {number} is not in the directory")
    unknown = sorted({*found} - {folder.name for _, folder in trials})
    if unknown:
        names = ", ".join(unknown[:UNKNOWN_SHOWN])
        more = len(unknown) - UNKNOWN_SHOWN
        counted = f"{names}{f' and {more} more' if more > 0 else ''}"
        raise damaged(directory, f"it does not know {counted}", ", or move those folders away")


def damaged(directory: Path, what: str, otherwise: str = "") -> PcsearchError:
    """The error that the journal of a directory is damaged.

    Args:
        directory: the experiment's.
        what: is wrong with it, in words.
        otherwise: what the user can do instead of putting a copy in its place.
    """
    return PcsearchError(
        f"{display_path(directory / FILE)}: the journal is damaged: {what}; put a copy of "
        f"the file from a backup in its place{otherwise}"
    )
