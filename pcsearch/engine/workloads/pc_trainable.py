"""The trainable of the PC transformer: Tune runs it in the process of a trial."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from pcsearch.sweeps.metrics import Metric
from pcsearch.system.temporary import remove_leftovers, temporary_folder
from pcsearch.system.user_files import cache_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

    from pcsearch.pc.evaluation.pictures import Reconstructions
    from pcsearch.pc.training import TrainingRun

BEST_VALUE = "best_value"
"""The key of a checkpoint's state for the best value of its trial's checkpoints."""


@dataclass(frozen=True)
class TrialSettings:
    """The settings that all trials of a search have in common.

    Args:
        folder: where the search was started: relative paths start there. ``data_dir`` does so on
            nodes that have the folder.
        checkpoint_every: the epochs between two checkpoints; the last epoch always has one.
        compiled: whether compiled code may compute the blocks.
        validate_at: epochs with a validation in addition to the configured ones.
        probe_at: epochs with a linear probe in addition to the configured ones.
        storage_path: of the experiment's directory, in its storage.
        storage_filesystem: of that path, None for this machine's.
        metric: by which the checkpoints of a trial are compared.
    """

    folder: Path
    checkpoint_every: int = 1
    compiled: bool = True
    validate_at: tuple[int, ...] = ()
    probe_at: tuple[int, ...] = ()
    storage_path: str = ""
    storage_filesystem: FileSystem | None = None
    metric: Metric | None = None


def make_trainable(settings: TrialSettings) -> Callable[[dict[str, Any]], None]:
    """The function that trains a trial from its values and reports every epoch to Tune."""

    def pc_transformer(values: dict[str, Any]) -> None:
        run, kept = _start(values, settings)
        while not run.finished:
            epoch = run.run_epoch()
            metrics = dict(epoch.metrics)
            if epoch.reconstructions is not None:
                metrics |= _save_pictures(run, epoch.reconstructions, settings)
            if run.finished or run.epoch % settings.checkpoint_every == 0:
                kept = _report(run, metrics, settings.metric, kept)
            else:
                tune.report(metrics)

    return pc_transformer


def _save_pictures(
    run: TrainingRun, reconstructions: Reconstructions, settings: TrialSettings
) -> dict[str, str]:
    """Upload an epoch's pictures to the trial's storage; returns their names for the report."""
    # The driver imports this module, and needs no torch.
    from pyarrow.fs import LocalFileSystem, copy_files

    from pcsearch.pc.evaluation.pictures import save

    # The trial's folder has the same name on this machine as in the storage.
    target = f"{settings.storage_path}/{Path(tune.get_context().get_trial_dir()).name}"
    filesystem = settings.storage_filesystem or LocalFileSystem()
    with temporary_folder() as folder:
        files = save(folder, run.epoch, reconstructions, run.config)
        filesystem.create_dir(target, recursive=True)
        # With threads, an upload to S3 may never end (apache/arrow#32372).
        copy_files(str(folder), target, destination_filesystem=filesystem, use_threads=False)
        return files.names(folder)


def _start(values: dict[str, Any], settings: TrialSettings) -> tuple[TrainingRun, float | None]:
    """The training run of a trial, restored from its newest checkpoint where there is one.

    With it comes the best value of its checkpoints, None where there is none.
    """
    from pcsearch.pc.checkpoint import load_state
    from pcsearch.pc.config_values import model_config
    from pcsearch.pc.data.datasets import load_splits
    from pcsearch.pc.training import TrainingRun

    # On nodes other than the driver's nobody else does it.
    remove_leftovers()
    folder = settings.folder
    config = model_config(values)
    # The run keeps the user's own paths: those of this node mean nothing elsewhere.
    run = TrainingRun(
        config,
        load_splits(config.with_paths_from(folder, downloads=data_folder(folder))),
        validate_at=settings.validate_at,
        probe_at=settings.probe_at,
        threads=_granted_cpus(),
        compiled=settings.compiled,
    )
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return run, None
    with checkpoint.as_directory() as directory:
        state = load_state(Path(directory), config)
    run.load_state(state)
    return run, state.get(BEST_VALUE)


def data_folder(folder: Path) -> Path:
    """The folder that a relative ``data_dir`` is relative to on this node.

    It is the user's cache on nodes without ``folder``. All trials of a node take the same one, and
    so download a data set once.
    """
    return folder if folder.is_dir() else cache_folder()


def _granted_cpus() -> int:
    resources = tune.get_context().get_trial_resources()
    return max(1, int(resources.required_resources.get("CPU", 1)))


def _report(
    run: TrainingRun, metrics: dict[str, Any], metric: Metric | None, best: float | None
) -> float | None:
    """Report an epoch with a checkpoint; the best value of the trial's checkpoints so far.

    Only a checkpoint that is better than those before it has the model's own file: to write it
    takes time, and a search looks for its best model in such a checkpoint only.

    Args:
        run: of the trial.
        metrics: of the epoch.
        metric: by which checkpoints are compared.
        best: the best value of the checkpoints before.
    """
    from pcsearch.pc.checkpoint import save_model, save_state
    from pcsearch.pc.model_file import write_model

    value = None if metric is None or run.diverged else metrics.get(metric.name)
    improves = (
        metric is not None
        and value is not None
        and math.isfinite(value)
        and metric.better(value, best)
    )
    with temporary_folder() as folder:
        if improves:
            best = value
            write_model(folder, run.trained_model(metrics))
        save_state(folder, run.config, run.state() | {BEST_VALUE: best})
        if run.saved_model is not None:
            save_model(folder, run.config, run.saved_model)
        tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
    return best
