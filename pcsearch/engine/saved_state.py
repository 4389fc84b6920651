"""Whole copies of Tune's state of a search, for one that is killed while Tune writes it.

Tune copies its state to the experiment's directory file by file and in place. Killed in between,
it leaves an empty file, and a restored search would begin anew. So copies are kept in the folder
``.state``: two slots that take turns, each complete when it has its mark.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

FOLDER = ".state"
SLOTS = ("0", "1")
MARK = "complete"
JSON_KIND = "experiment_state-"
KINDS = (JSON_KIND, "callback-states-", "search_gen_state-", "searcher-state-")
LEAST_SECONDS = 1.0
SHARE = 0.05
"""How much of the driver's time copying may take."""


class SavedState:
    """Keeps whole copies of Tune's state.

    Args:
        directory: of the experiment.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER
        self._next = 0.0
        self._count = max(map(_count, _slots(directory)), default=0)

    def keep(self, source: Path) -> None:
        """Copy the state, unless the last copy is too recent.

        Args:
            source: the folder where Tune has written all of it.
        """
        began = time.monotonic()
        files = [file for kind in KINDS for file in source.glob(f"{kind}*")]
        if began < self._next or not files:
            return
        self._count += 1
        slot = self._folder / SLOTS[self._count % len(SLOTS)]
        shutil.rmtree(slot, ignore_errors=True)
        slot.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, slot / file.name)
        (slot / MARK).write_text(str(self._count))
        taken = time.monotonic() - began
        self._next = began + max(LEAST_SECONDS, taken / SHARE)


def mend(directory: Path) -> None:
    """Put a whole copy in the place of a state that is torn, where there is one.

    Args:
        directory: of the experiment, which nobody writes at the moment.
    """
    newest = [max(found) for kind in KINDS if (found := list(directory.glob(f"{kind}*")))]
    if len(newest) == len(KINDS) and all(map(_is_whole, newest)):
        return
    slots = sorted(_slots(directory), key=_count)
    if not slots or not _count(slots[-1]):
        return
    for kind in KINDS:
        for file in directory.glob(f"{kind}*"):
            file.unlink()
    for file in slots[-1].iterdir():
        if file.name != MARK:
            shutil.copyfile(file, directory / file.name)


def _slots(directory: Path) -> list[Path]:
    slots = (directory / FOLDER / name for name in SLOTS)
    return [slot for slot in slots if slot.is_dir()]


def _count(slot: Path) -> int:
    """Which copy a slot holds, 0 where it is not complete."""
    try:
        return int((slot / MARK).read_text())
    except (OSError, ValueError):
        return 0


def _is_whole(file: Path) -> bool:
    data = file.read_bytes()
    if not file.name.startswith(JSON_KIND):
        # Whatever their names say, the others are pickles, which end with a stop code.
        return data.endswith(b".")
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
