"""The names of what a run measures, and where each comes from; imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Source = Literal["training", "validation", "probe"]

EPOCH = "epoch"
TRAIN_ENERGY = "Losses/train_w_energy_avg"
TRAIN_MSE = "Losses/train_mse_avg"
LR_WEIGHTS = "LearningRate/weights"
LR_HIDDEN = "LearningRate/hidden"
PRETEXT = "ValMetrics/Pretext/"
VAL_MSE = f"{PRETEXT}full_mse"
PROBE_ACCURACY = "Metrics/LinearProbe_Accuracy"
VODE_ENERGY = "VodeEnergy/vode_"
VODE_GRAD_NORM = "VodeGradNorm/vode_"
RECONSTRUCTIONS = "reconstructions_images"
RECONSTRUCTION_VIDEO = "reconstructions_video"
EARLY_STOP_REASON = "early_stop_reason"
FINAL_TRAIN_MSE = "final_train_mse"

MEASURES = {"train_mse": TRAIN_MSE, "val_mse": VAL_MSE, "probe_accuracy": PROBE_ACCURACY}
"""The short names that early stopping and model saving use, and the metrics they stand for."""

BEST = {
    "best_val_mse": VAL_MSE,
    "best_train_mse": TRAIN_MSE,
    "best_probe_accuracy": PROBE_ACCURACY,
}
"""The summary values that carry the best value of a metric on from epoch to epoch."""

SUMMARY = (*BEST, FINAL_TRAIN_MSE, EARLY_STOP_REASON)
"""The five values that sum a run up; every epoch has them, None where there is none yet."""

DIVERGED = "NaN"
"""The ``early_stop_reason`` of a run whose loss is no longer finite."""

_MASKED = tuple(f"{PRETEXT}masked_{measure}" for measure in ("mse", "l1", "psnr"))
_NAMES: dict[str, Source] = {
    EPOCH: "training",
    TRAIN_ENERGY: "training",
    TRAIN_MSE: "training",
    LR_WEIGHTS: "training",
    LR_HIDDEN: "training",
    FINAL_TRAIN_MSE: "training",
    "best_train_mse": "training",
    "best_val_mse": "validation",
    "best_probe_accuracy": "probe",
    PROBE_ACCURACY: "probe",
    **{f"{PRETEXT}full_{measure}": "validation" for measure in ("mse", "l1", "psnr")},
    **dict.fromkeys(_MASKED, "validation"),
}


def names(num_blocks: int) -> Iterable[str]:
    """Every number that a run of so many blocks can report."""
    yield from _NAMES
    yield from (f"{VODE_ENERGY}{i}" for i in range(1, num_blocks + 3))
    yield from (f"{VODE_GRAD_NORM}{i}" for i in range(num_blocks + 2))


def source(name: str) -> Source:
    """Which part of a run measures ``name``, one of `names` or a probed vode's accuracy."""
    if name.startswith((VODE_ENERGY, VODE_GRAD_NORM)):
        return "validation"
    if re.fullmatch(rf"{PROBE_ACCURACY}/vode_\d+", name):
        return "probe"
    return _NAMES[name]


def needs_corruption(name: str) -> bool:
    """Whether the metric exists only where part of the image is hidden."""
    return name in _MASKED
