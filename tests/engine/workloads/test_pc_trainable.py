from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from searching import TINY

from pcsearch.engine.workloads import pc_trainable
from pcsearch.engine.workloads.pc_trainable import data_folder
from pcsearch.errors import PcsearchError
from pcsearch.pc import training_epoch
from pcsearch.pc.checkpoint import STATE_FILE
from pcsearch.pc.model import training_batch
from pcsearch.pc.model_file import MODEL_FILE
from pcsearch.pc.model_places import read
from pcsearch.sweeps.metrics import Metric


def test_a_relative_data_dir_starts_in_the_cache_on_a_node_without_the_drivers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folder(tmp_path) == tmp_path
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "scratch"))
    assert data_folder(tmp_path / "none") == tmp_path / "scratch" / "pcsearch"
    # As the specification of the variable has it.
    monkeypatch.setenv("XDG_CACHE_HOME", "scratch")
    assert data_folder(tmp_path / "none") == tmp_path / ".cache" / "pcsearch"


def test_own_images_start_in_the_drivers_folder_also_on_a_node_that_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pc_trainable, "_granted_cpus", lambda: 1)
    trainable = pc_trainable.make_trainable(pc_trainable.TrialSettings(tmp_path / "none"))
    with pytest.raises(PcsearchError) as caught:
        trainable(TINY | {"dataset": "./mine", "image_shape": None})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'none' / 'mine'}: ")
    assert "on every machine that runs trials" in line


@pytest.mark.parametrize(
    ("granted", "threads"), [({"CPU": 1.0}, 1), ({"CPU": 2.0}, 2), ({"CPU": 0.25}, 1), ({}, 1)]
)
def test_a_trial_takes_a_thread_for_each_processor_that_it_is_granted(
    granted: dict[str, float], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = SimpleNamespace(required_resources=granted)
    context = SimpleNamespace(get_trial_resources=lambda: resources)
    monkeypatch.setattr(pc_trainable.tune, "get_context", lambda: context)
    monkeypatch.setattr(pc_trainable.tune, "get_checkpoint", lambda: None)
    reported: list[dict[str, Any]] = []
    monkeypatch.setattr(pc_trainable.tune, "report", lambda metrics, **_: reported.append(metrics))
    threads_used: list[int] = []

    def train_batch(*arguments: Any) -> Any:
        threads_used.append(torch.get_num_threads())
        return training_batch.train_batch(*arguments)

    monkeypatch.setattr(training_epoch, "train_batch", train_batch)
    pc_trainable.make_trainable(pc_trainable.TrialSettings(tmp_path))(TINY | {"epochs": 1})
    assert set(threads_used) == {threads}
    assert len(reported) == 1


class Tune:
    """Stands in for Tune in a trial's process, and keeps the checkpoints that are reported.

    Args:
        folder: for the checkpoints.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.values, self.kept = folder, list[Any](), list[Path]()
        context = SimpleNamespace(
            get_trial_resources=lambda: SimpleNamespace(required_resources={"CPU": 1.0})
        )
        monkeypatch.setattr(pc_trainable.tune, "get_context", lambda: context)
        monkeypatch.setattr(pc_trainable.tune, "get_checkpoint", self.newest)
        monkeypatch.setattr(pc_trainable.tune, "report", self.report)

    def newest(self) -> Any:
        return pc_trainable.tune.Checkpoint(str(self.kept[-1])) if self.kept else None

    def report(self, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        if checkpoint is not None:
            kept = self.folder / f"checkpoint_{metrics['epoch']:06d}"
            shutil.copytree(checkpoint.path, kept)
            self.kept.append(kept)

    @property
    def with_model(self) -> list[int]:
        """The epochs whose checkpoints have the model's own file."""
        return [int(each.name[-6:]) for each in self.kept if (each / MODEL_FILE).exists()]


@pytest.mark.parametrize(
    ("metric", "every", "expected"),
    [
        # The rate falls from epoch to epoch.
        (Metric("LearningRate/hidden", "maximize"), 1, [1]),
        (Metric("LearningRate/hidden", "minimize"), 1, [1, 2, 3, 4]),
        (Metric("LearningRate/hidden", "minimize"), 3, [3, 4]),
        # Validated in every second epoch, it is repeated in between.
        (Metric("best_val_mse", "minimize"), 1, [2, 4]),
        (Metric("Metrics/LinearProbe_Accuracy", "maximize"), 1, []),
        (None, 1, []),
    ],
)
def test_a_checkpoint_that_is_better_than_those_before_has_the_models_own_file(
    metric: Metric | None,
    every: int,
    expected: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = TINY | {"epochs": 4, "validation_every_n_epochs": 2}
    settings = pc_trainable.TrialSettings(tmp_path, every, metric=metric)
    tune = Tune(tmp_path, monkeypatch)
    pc_trainable.make_trainable(settings)(values)
    assert tune.with_model == expected
    if not expected or every > 1:
        return
    # A trial that is restored knows the best value of the checkpoints before it was interrupted.
    later = Tune(tmp_path / "later", monkeypatch)
    later.kept = tune.kept[:2]
    pc_trainable.make_trainable(settings)(values)
    assert later.with_model == expected


def test_a_model_keeps_the_users_own_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the node that has trained it mean nothing on another machine."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=pixels, labels=np.arange(60) % 2)
    tune = Tune(tmp_path / "kept", monkeypatch)
    settings = pc_trainable.TrialSettings(tmp_path, metric=Metric("epoch", "minimize"))
    values = TINY | {"epochs": 1, "batch_size": 10, "dataset": "./mine.npz", "data_dir": "images"}
    pc_trainable.make_trainable(settings)(values)
    (kept,) = tune.kept
    for path in (kept / MODEL_FILE, kept / STATE_FILE):
        config = read(path).config
        assert (config.dataset, config.data_dir) == ("./mine.npz", "images")


def test_a_run_that_diverged_leaves_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = Tune(tmp_path, monkeypatch)
    settings = pc_trainable.TrialSettings(tmp_path, metric=Metric("epoch", "minimize"))
    values = TINY | {"peak_lr_hidden": 1e9, "h_grad_clip_norm": None}
    pc_trainable.make_trainable(settings)(values)
    assert (len(tune.kept), tune.with_model) == (1, [])
