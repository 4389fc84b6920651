"""Models and checkpoints of trials as W&B artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pcsearch.engine.storage.files import local_path

if TYPE_CHECKING:
    import wandb

Artifacts = Literal["none", "best"]

MODEL_FILE = "model.pt"
"""In a checkpoint: the best model of its trial, where one was kept."""

BEST = "best"


def trial_artifact(
    group: str, trial_id: str, checkpoint: Path, metadata: Mapping[str, Any]
) -> wandb.Artifact:
    """The best checkpoint of a trial: its model where one was kept, else its newest state.

    Args:
        group: the experiment's name.
        trial_id: the trial's.
        checkpoint: the folder of its newest checkpoint.
        metadata: what to say of it.

    Raises:
        OSError: the checkpoint is not on this machine.
    """
    return _artifact(f"{group}-{trial_id}", "checkpoint", checkpoint, metadata)


def best_artifact(group: str, checkpoint: Path, metadata: Mapping[str, Any]) -> wandb.Artifact:
    """The best model of the search so far: one artifact, a version for each trial that was it.

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
        # The files stay where they are until they are uploaded: no copy of each in W&B's cache.
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
