"""Early stopping, and which epochs' models are saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.metrics import MEASURES, improves

REASONS = {
    "train_mse": "TrainMetric",
    "val_mse": "ValidationMetric",
    "probe_accuracy": "ProbeMetric",
}


@dataclass
class EarlyStopping:
    """Stops a run when its measure has not improved in ``patience`` evaluations.

    Args:
        measure: ``train_mse``, ``val_mse`` or ``probe_accuracy``.
        patience: evaluations of the measure.
        min_delta: the least change that is an improvement.
        best: the best value so far.
        waited: the evaluations since the last improvement.
    """

    measure: str
    patience: int
    min_delta: float
    best: float | None = None
    waited: int = 0

    @classmethod
    def of(cls, config: ModelConfig) -> EarlyStopping | None:
        """The rule of a configuration; None without early stopping."""
        if not config.use_early_stopping:
            return None
        return cls(
            config.early_stopping_metric,
            config.early_stopping_patience,
            config.early_stopping_min_delta,
        )

    def stop_reason(self, value: float) -> str | None:
        """Take the value of one evaluation; returns the reason to stop, or None to continue."""
        if improves(MEASURES[self.measure], value, self.best, self.min_delta):
            self.best, self.waited = value, 0
            return None
        self.waited += 1
        return REASONS[self.measure] if self.waited >= self.patience else None

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {"best": self.best, "waited": self.waited}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.best, self.waited = state["best"], state["waited"]


@dataclass
class ModelSaving:
    """Decides which epochs' models are saved: at first, and then at each improvement.

    Args:
        measure: ``train_mse``, ``val_mse`` or ``probe_accuracy``.
        threshold: no model is saved before the first epoch with a train MSE below it.
        min_delta: the least change of the measure that is an improvement.
        allowed: whether there was such an epoch.
        best: the measure of the last model that was saved.
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

    def saves(self, train_mse: float, value: float | None) -> bool:
        """Whether this epoch's model is saved; ``value`` is None where it was not measured."""
        self.allowed = self.allowed or train_mse < self.threshold
        if not self.allowed or value is None:
            return False
        if not improves(MEASURES[self.measure], value, self.best, self.min_delta):
            return False
        self.best = value
        return True

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {"allowed": self.allowed, "best": self.best}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.allowed, self.best = state["allowed"], state["best"]
