"""Pictures and films of a trial as values that W&B shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pcsearch.engine.storage.files import local_path

if TYPE_CHECKING:
    import wandb

FILM = ".gif"


def find(name: str, folders: Sequence[Path]) -> Path | None:
    """The file that a report names where this machine has it, else None.

    A trial may run on another node: its files are in the storage, which may be an address.

    Args:
        name: relative to the trial's directory.
        folders: where that may be, the likeliest first.
    """
    files = (local_path(folder / name) for folder in folders)
    return next((file for file in files if file.is_file()), None)


def value(file: Path) -> wandb.Image | wandb.Video:
    """A picture, or a film where the file is one.

    Raises:
        Exception: whatever Pillow raises for a file that is none.
    """
    import wandb

    if file.suffix == FILM:
        return wandb.Video(str(file), format="gif")
    return wandb.Image(str(file))
