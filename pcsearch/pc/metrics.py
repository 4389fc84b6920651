"""The metrics of a run: their names, where each comes from, and which values are better.

Imports nothing heavy.
"""

from __future__ import annotations

import math
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
STEP_VALUES = ".json"
"""What the name of the file beside a picture ends with, which has the vodes' values over the
inference steps, and the names of its two parts."""
STEP_ENERGY, STEP_GRADIENT_NORM = "energy", "gradient norm"
EARLY_STOP_REASON = "early_stop_reason"
FINAL_TRAIN_MSE = "final_train_mse"

MEASURES = {"train_mse": TRAIN_MSE, "val_mse": VAL_MSE, "probe_accuracy": PROBE_ACCURACY}
"""The short names that early stopping and model saving use, and the metrics they stand for."""

BEST = {
    "best_val_mse": VAL_MSE,
    "best_train_mse": TRAIN_MSE,
    "best_probe_accuracy": PROBE_ACCURACY,
}
"""The summary values that hold the best value of a metric so far."""

SUMMARY = (*BEST, FINAL_TRAIN_MSE, EARLY_STOP_REASON)
"""The five summary values of a run. Every epoch reports them, as None before the first value."""

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
    """The names of all numbers that a run of ``num_blocks`` blocks can report."""
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


def improves(metric: str, value: float, best: float | None, min_delta: float = 0.0) -> bool:
    """Whether ``value`` improves a metric's ``best`` by more than ``min_delta``.

    A higher accuracy of the probe is better, and a lower error. Any finite value improves None; a
    value that is not finite improves nothing.
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    gain = value - best if metric == PROBE_ACCURACY else best - value
    return gain > min_delta
