"""Files of trials in the form that W&B takes: pictures, films, models and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pcsearch.engine.storage.files import local_path

if TYPE_CHECKING:
    import wandb

Artifacts = Literal["none", "best"]

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


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model that W&B is to keep: one file of a folder, or all of them.

    Args:
        folder: of a checkpoint or a run.
        names: the first of these files that is there is kept; where none is, all files are.
    """

    folder: Path
    names: Sequence[str] = ()

    def files(self) -> list[Path]:
        """The files on this machine.

        Raises:
            OSError: the folder is not on this machine.
        """
        if not local_path(self.folder).is_dir():
            raise FileNotFoundError(f"{self.folder} is not on this machine")
        for name in self.names:
            if (self.folder / name).is_file():
                return [self.folder / name]
        # Hidden files are Tune's own.
        paths = (path for path in sorted(self.folder.rglob("*")) if not path.name.startswith("."))
        return [path for path in paths if path.is_file()]


def trial_artifact(
    group: str, trial_id: str, kept: ModelFiles, metadata: Mapping[str, Any]
) -> wandb.Artifact:
    """What W&B keeps of a trial.

    Args:
        group: the experiment's name, empty without one.
        trial_id: the trial's.
        kept: the files.
        metadata: what W&B shows beside it.

    Raises:
        OSError: they are not on this machine.
    """
    return _artifact(f"{group or 'run'}-{trial_id}", "checkpoint", kept, metadata)


def best_artifact(group: str, kept: ModelFiles, metadata: Mapping[str, Any]) -> wandb.Artifact:
    """The best model of the search so far; each trial that was the best adds a version.

    Raises:
        OSError: its files are not on this machine.
    """
    return _artifact(f"{group}-{BEST}", "model", kept, metadata)


def _artifact(
    name: str, kind: str, kept: ModelFiles, metadata: Mapping[str, Any]
) -> wandb.Artifact:
    import wandb

    artifact = wandb.Artifact(name, type=kind, metadata=dict(metadata))
    for file in kept.files():
        path = file.relative_to(kept.folder).as_posix()
        # W&B uploads the files from where they are, without a copy in its cache.
        artifact.add_file(str(file), name=path, policy="immutable", skip_cache=True)
    return artifact
