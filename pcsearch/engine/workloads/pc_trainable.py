"""The trainable: one trial of the search, as Tune runs it in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ray import tune

from pcsearch.pc.metrics import RECONSTRUCTION_VIDEO, RECONSTRUCTIONS
from pcsearch.user_files import cache_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

    from pcsearch.pc.evaluation.pictures import Reconstructions
    from pcsearch.pc.training import TrainingRun


@dataclass(frozen=True)
class TrialSettings:
    """What all trials of a search have in common.

    Args:
        data_folder: where a relative ``data_dir`` starts on nodes that have it.
        checkpoint_every: after how many epochs the state is kept; after the last it is anyway.
        compiled: whether compiled code may compute the blocks.
        validate_at: epochs that end with a validation besides the configured ones.
        probe_at: the same for the linear probe.
        storage_path: of the experiment's directory, in its storage.
        storage_filesystem: of that path, None for this machine's.
    """

    data_folder: Path
    checkpoint_every: int = 1
    compiled: bool = True
    validate_at: tuple[int, ...] = ()
    probe_at: tuple[int, ...] = ()
    storage_path: str = ""
    storage_filesystem: FileSystem | None = None


def make_trainable(settings: TrialSettings) -> Callable[[dict[str, Any]], None]:
    """A function of a trial's values that trains it and reports every epoch to Tune."""

    def pc_transformer(values: dict[str, Any]) -> None:
        run = _start(values, settings)
        while not run.finished:
            epoch = run.run_epoch()
            metrics = dict(epoch.metrics)
            if epoch.reconstructions is not None:
                metrics |= _save_pictures(run, epoch.reconstructions, settings)
            if run.finished or run.epoch % settings.checkpoint_every == 0:
                _report(run, metrics)
            else:
                tune.report(metrics)

    return pc_transformer


def _save_pictures(
    run: TrainingRun, reconstructions: Reconstructions, settings: TrialSettings
) -> dict[str, str]:
    """Put an epoch's pictures into the trial's storage; their names there, for the report."""
    # The driver makes the trainable without training anything, so it needs no torch.
    from pyarrow.fs import LocalFileSystem, copy_files

    from pcsearch.pc.evaluation.pictures import save

    # The trial's folder has the same name on this machine as in the storage.
    folder = f"{settings.storage_path}/{Path(tune.get_context().get_trial_dir()).name}"
    filesystem = settings.storage_filesystem or LocalFileSystem()
    with TemporaryDirectory(prefix="pcsearch_") as made:
        files = save(Path(made), run.epoch, reconstructions, run.config)
        filesystem.create_dir(folder, recursive=True)
        # With threads, an upload to S3 may never end (apache/arrow#32372).
        copy_files(made, folder, destination_filesystem=filesystem, use_threads=False)
        names = (RECONSTRUCTIONS, RECONSTRUCTION_VIDEO)
        return {
            name: file.relative_to(made).as_posix()
            for name, file in zip(names, files, strict=True)
            if file is not None
        }


def _start(values: dict[str, Any], settings: TrialSettings) -> TrainingRun:
    """The trial's run, at its first epoch or where its newest checkpoint left it."""
    from pcsearch.pc.checkpoint import load_state
    from pcsearch.pc.config import model_config
    from pcsearch.pc.training import TrainingRun

    config = model_config(values).with_data_dir_from(data_folder(settings.data_folder))
    run = TrainingRun(
        config,
        validate_at=settings.validate_at,
        probe_at=settings.probe_at,
        threads=_granted_cpus(),
        compiled=settings.compiled,
    )
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as directory:
            run.load_state(load_state(Path(directory), config))
    return run


def data_folder(folder: Path) -> Path:
    """Where a relative ``data_dir`` starts on this node: the user's cache where ``folder`` is not.

    The trials of a node take the same, and so download an image set once.
    """
    return folder if folder.is_dir() else cache_folder()


def _granted_cpus() -> int:
    resources = tune.get_context().get_trial_resources()
    return max(1, int(resources.required_resources.get("CPU", 1)))


def _report(run: TrainingRun, metrics: dict[str, Any]) -> None:
    from pcsearch.pc.checkpoint import save_model, save_state

    with TemporaryDirectory(prefix="pcsearch_") as folder:
        save_state(Path(folder), run.config, run.state())
        if run.saved_model is not None:
            save_model(Path(folder), run.config, run.saved_model)
        tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
