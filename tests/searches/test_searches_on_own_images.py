"""A search on images of the user's own, with real Ray and real W&B files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import wandb
from offline_runs import read_runs
from own_image_files import class_folders, noise, put
from searching import TINY, own, reports, trial_folders, write_sweep

from pcsearch.command_line.cli import main
from pcsearch.pc.training import train

pytestmark = pytest.mark.slow


def test_trials_train_on_a_folder_and_on_an_array_that_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    put(class_folders(tmp_path / "mine", classes=3, each=50), "b/torn.png", b"\x89PNG")
    np.savez(tmp_path / "mine.npz", images=noise(150, 20, 30, 3), labels=np.arange(150) % 4)
    written = ["./mine", "mine.npz"]
    values = {"image_shape": [1, 8, 8], "patch_size": 2, "linear_probe_every_n_epochs": 2}
    constants = {name: {"value": value} for name, value in values.items()}
    sweep = write_sweep(tmp_path / "s.yaml", {"dataset": {"values": written}, **constants})
    assert main([str(sweep), "--storage-path", "out", "--name", "here"]) == 0
    wandb.teardown()
    assert "1 of 151 images cannot be read and are left out: b/torn.png (" in capfd.readouterr().err
    runs = {run.id: run for run in read_runs(tmp_path / "out" / "here")}
    for trial, dataset in zip(trial_folders(tmp_path / "out" / "here"), written, strict=True):
        params = json.loads((trial / "params.json").read_text(encoding="utf-8"))
        assert params["dataset"] == runs[trial.name[5:]].config["dataset"] == dataset
        # The command has read the images, and the trials have mapped what it has kept.
        caches = list((tmp_path / "cache").glob("**/*-pixels.npy"))
        assert len(caches) == 2
        started = (trial / "params.json").stat().st_mtime_ns
        assert all(cache.stat().st_mtime_ns < started for cache in caches)
        alone = train(TINY | values | {"dataset": str(tmp_path / dataset)})
        for report, expected in zip(reports(trial), alone, strict=True):
            assert own(report, expected) == expected
