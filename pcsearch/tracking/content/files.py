"""Files of trials in the form that W&B takes: pictures, films, models and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pcsearch.engine.storage.files import local_path

if TYPE_CHECKING:
    import wandb

Artifacts = Literal["none", "best"]

MODEL_FILE = "model.pt"
"""In a checkpoint: the best model of its trial, where the trial keeps one."""
BEST = "best"
FILM = ".gif"


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """The file that a report names, None where this machine does not have it.

    A trial may run on another node: its files are in the storage, which may be an address.

    Args:
        name: relative to the trial's directory.
        folders: where that directory may be, the likeliest first.
    """
    files = (local_path(folder / name) for folder in folders)
    return next((file for file in files if file.is_file()), None)


def media_value(file: Path) -> wandb.Image | wandb.Video:
    """A picture or a film as a value of a run's history.

    Raises:
        Exception: what Pillow raises for a file that is no picture.
    """
    import wandb

    if file.suffix == FILM:
        return wandb.Video(str(file), format="gif")
    return wandb.Image(str(file))


def trial_artifact(
    group: str, trial_id: str, checkpoint: Path, metadata: Mapping[str, Any]
) -> wandb.Artifact:
    """The best checkpoint of a trial: its model where it keeps one, else its newest state.

    Args:
        group: the experiment's name, empty without one.
        trial_id: the trial's.
        checkpoint: the folder of its newest checkpoint.
        metadata: what W&B shows beside it.

    Raises:
        OSError: the checkpoint is not on this machine.
    """
    return _artifact(f"{group or 'run'}-{trial_id}", "checkpoint", checkpoint, metadata)


def best_artifact(group: str, checkpoint: Path, metadata: Mapping[str, Any]) -> wandb.Artifact:
    """The best model of the search so far; each trial that was the best adds a version.

    Raises:
        OSError: the checkpoint is not on this machine.
    """
    return _artifact(f"{group}-{BEST}", "model", checkpoint, metadata)


def _artifact(name: str, kind: str, folder: Path, metadata: Mapping[str, Any]) -> wandb.Artifact:
    import wandb

    if not local_path(folder).is_dir():
        raise FileNotFoundError(f"{folder} is not on this machine")
    artifact = wandb.Artifact(name, type=kind, metadata=dict(metadata))
    for file in _files(folder):
        # W&B uploads the files from where they are, without a copy in its cache.
        artifact.add_file(
            str(file), name=file.relative_to(folder).as_posix(), policy="immutable", skip_cache=True
        )
    return artifact


def _files(folder: Path) -> list[Path]:
    model = folder / MODEL_FILE
    if model.is_file():
        return [model]
    # Hidden files are Tune's own.
    names = (path for path in sorted(folder.rglob("*")) if not path.name.startswith("."))
    return [path for path in names if path.is_file()]
