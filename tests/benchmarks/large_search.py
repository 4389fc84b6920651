"""Makes the directory of a large search of PC transformers without running it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import yaml

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.journal.events import Compared, Suggested, TrialEnded
from pcsearch.engine.records.journal.history import REPORTS, VALUES_FILE, folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import Options
from pcsearch.pc.metrics import RECONSTRUCTIONS, STEP_ENERGY, STEP_GRADIENT_NORM, STEP_VALUES
from pcsearch.sweeps.configurations import RandomDraws

METRIC = "ValMetrics/Pretext/full_mse"
SWEEP = {
    "method": "random",
    "metric": {"name": METRIC, "goal": "minimize"},
    "early_terminate": {"type": "hyperband", "min_iter": 4, "eta": 3},
    "parameters": {
        "peak_lr_hidden": {"distribution": "log_uniform_values", "min": 0.02, "max": 0.2},
        "peak_lr_weights": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "hidden_momentum": {"min": 0.0, "max": 0.8},
        "inference_lr_scale_base": {"min": 1.0, "max": 1.5},
        "num_blocks": {"values": [1, 2, 4, 6]},
        "w_grad_clip_norm": {"values": [100, 500, 2500]},
        "seed": {"min": 1, "max": 10},
        "dataset": {"value": "synthetic"},
        "image_shape": {"value": [3, 32, 32]},
        "num_heads": {"value": 4},
        "epochs": {"value": 100},
    },
}
RUNGS = (4, 12, 36, 100)
"""At each the best third go on."""
VODES = 9
STEPS = 21
SLOTS = 8
PICTURE = "reconstructions.png"


def make(folder: Path, trials: int, picture: Path | None) -> Path:
    """The directory of a search that has ended.

    Args:
        folder: in which it is made.
        trials: how many it has, with up to 100 epochs each.
        picture: of the reconstructions of every trial; None for trials without pictures.
    """
    file = folder / "large.yaml"
    file.write_text(yaml.safe_dump(SWEEP, sort_keys=False))
    experiment = new_experiment(
        file, Options(storage_path=folder, name=f"large-{trials}", num_samples=trials, seed=1)
    )
    kept = asdict(experiment.options)
    del kept["storage_path"], kept["name"]
    record = {"options": kept, "folder": str(folder), "tracking": {"wandb": "disabled"}}
    experiment.directory.create(experiment.sweep.text, record)
    draws = RandomDraws(experiment.sweep, 1)
    # To wait for the disk after each of the lines would take minutes.
    with mock.patch.object(os, "fsync"):
        for number in range(1, trials + 1):
            _add(experiment.directory.path, number, draws.config(number - 1), picture)
    return experiment.directory.path


def _add(directory: Path, number: int, config: dict[str, Any], picture: Path | None) -> None:
    random = np.random.default_rng(number)
    trial, journal = f"{number:08x}", Journal(directory)
    journal.add(Suggested(trial, number))
    folder = directory / folder_name(number, trial)
    folder.mkdir()
    (folder / VALUES_FILE).write_text(json.dumps(config))
    passed = min(int(random.geometric(2 / 3)), len(RUNGS)) - 1
    reports = list(_reports(config, RUNGS[passed], number, random))
    if picture is not None:
        _add_picture(folder, reports[-1], picture, random)
    (folder / REPORTS).write_text("".join(f"{json.dumps(each)}\n" for each in reports))
    for rung in RUNGS[: min(passed + 1, len(RUNGS) - 1)]:
        stopped = rung == RUNGS[passed]
        journal.add(Compared(trial, rung, reports[rung - 1][METRIC], stopped, rung))
    journal.add(TrialEnded(trial, False, [min(each[METRIC] for each in reports)]))


def _reports(
    config: dict[str, Any], epochs: int, number: int, random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """What a PC transformer reports in an epoch, with the fields that Tune adds."""
    loss = 0.01 * float(random.random()) + abs(config["peak_lr_hidden"] - 0.09)
    began = 1.7e9 + 40.0 * (number // SLOTS)
    for epoch in range(1, epochs + 1):
        mse = loss + 0.1 / epoch + 0.002 * float(random.random())
        yield {
            "epoch": epoch,
            "Losses/train_w_energy_avg": mse * 300,
            "Losses/train_mse_avg": mse * 0.9,
            "LearningRate/weights": config["peak_lr_weights"],
            "LearningRate/hidden": config["peak_lr_hidden"],
            "best_train_mse": mse * 0.9,
            "final_train_mse": mse * 0.9,
            "best_val_mse": mse,
            "early_stop_reason": None,
            METRIC: mse,
            **{f"VodeEnergy/vode_{i}": mse * (i + 1) for i in range(1, VODES)},
            **{f"VodeGradNorm/vode_{i}": mse / (i + 1) for i in range(1, VODES)},
            "training_iteration": epoch,
            "trial_id": f"{number:08x}",
            "timestamp": began + epoch,
            "time_this_iter_s": 1.0,
            "time_total_s": float(epoch),
            "hostname": f"node{number % SLOTS}",
            "node_ip": f"10.0.0.{number % SLOTS}",
            "pid": 1000 + number,
            "config": config,
        }


def _add_picture(
    folder: Path, report: dict[str, Any], picture: Path, random: np.random.Generator
) -> None:
    """The picture of a report, and the values of the vodes beside it."""
    report[RECONSTRUCTIONS] = PICTURE
    (folder / PICTURE).hardlink_to(picture)
    kinds = (STEP_ENERGY, STEP_GRADIENT_NORM)
    values = {
        kind: {f"vode_{i}": random.random(STEPS).tolist() for i in range(VODES)} for kind in kinds
    }
    (folder / PICTURE).with_suffix(STEP_VALUES).write_text(json.dumps(values))
