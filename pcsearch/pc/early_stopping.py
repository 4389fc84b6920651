"""When a run has stopped getting better, and which epochs are worth saving."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.metrics import MEASURES, PROBE_ACCURACY

REASONS = {
    "train_mse": "TrainMetric",
    "val_mse": "ValidationMetric",
    "probe_accuracy": "ProbeMetric",
}


def better(metric: str, value: float, best: float | None, min_delta: float = 0.0) -> bool:
    """Whether a metric's ``value`` is better than its ``best`` by more than ``min_delta``.

    The probe's accuracy is better when higher, errors when lower; any finite value beats None,
    and a value that is not finite beats nothing.
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    gain = value - best if metric == PROBE_ACCURACY else best - value
    return gain > min_delta


@dataclass
class EarlyStopping:
    """Counts the evaluations of the chosen measure since it last got better."""

    measure: str
    patience: int
    min_delta: float
    best: float | None = None
    waited: int = 0

    @classmethod
    def of(cls, config: ModelConfig) -> EarlyStopping | None:
        """The rule of a configuration, None where it has none."""
        if not config.use_early_stopping:
            return None
        return cls(
            config.early_stopping_metric,
            config.early_stopping_patience,
            config.early_stopping_min_delta,
        )

    def stop_reason(self, value: float) -> str | None:
        """Take one evaluation of the measure; the reason to stop when patience is at its end."""
        if better(MEASURES[self.measure], value, self.best, self.min_delta):
            self.best, self.waited = value, 0
            return None
        self.waited += 1
        return REASONS[self.measure] if self.waited >= self.patience else None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best, "waited": self.waited}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best, self.waited = state["best"], state["waited"]


@dataclass
class ModelSaving:
    """Which epochs' models are kept: from the first train MSE below the threshold, then the best.

    Each later one is better in ``measure`` by ``min_delta`` than the one kept before.
    """

    measure: str
    threshold: float
    min_delta: float
    allowed: bool = False
    best: float | None = None

    @classmethod
    def of(cls, config: ModelConfig) -> ModelSaving:
        """The rule of a configuration."""
        return cls(
            config.model_saving_metric,
            config.save_model_train_mse_threshold,
            config.early_stopping_min_delta,
        )

    def keeps(self, train_mse: float, value: float | None) -> bool:
        """Whether this epoch's model is kept; ``value`` is None where it was not measured."""
        self.allowed = self.allowed or train_mse < self.threshold
        if not self.allowed or value is None:
            return False
        if not better(MEASURES[self.measure], value, self.best, self.min_delta):
            return False
        self.best = value
        return True

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"allowed": self.allowed, "best": self.best}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.allowed, self.best = state["allowed"], state["best"]
