"""A training run of the PC transformer, an epoch at a time.

for metrics in train({"config": "1block", "dataset": "digits", "batch_size": 100}):
    print(metrics["epoch"], metrics["Losses/train_mse_avg"])
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.choice import compiled_blocks
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.data.datasets import load_splits
from pcsearch.pc.data.images import Splits
from pcsearch.pc.device import computing, moved, pick_device
from pcsearch.pc.evaluation.pictures import Reconstructions
from pcsearch.pc.evaluation.split_evaluator import SplitEvaluator
from pcsearch.pc.metrics import (
    BEST,
    DIVERGED,
    EARLY_STOP_REASON,
    EPOCH,
    FINAL_TRAIN_MSE,
    LR_HIDDEN,
    LR_WEIGHTS,
    MEASURES,
    PROBE_ACCURACY,
    TRAIN_ENERGY,
    TRAIN_MSE,
    VAL_MSE,
    improves,
)
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner, fresh_learner
from pcsearch.pc.model.transformer import Model, Weights, init_weights
from pcsearch.pc.model_file import TrainedModel
from pcsearch.pc.schedule.early_stopping import EarlyStopping, ModelSaving
from pcsearch.pc.schedule.evaluations import EvaluationSchedule
from pcsearch.pc.schedule.learning_rates import LearningRates, evaluation_rates
from pcsearch.pc.training_epoch import EpochTrainer, TrainingState

Metrics = dict[str, Any]


class Epoch(NamedTuple):
    """The results of an epoch: its metrics by name, and pictures in the epochs that make them."""

    metrics: Metrics
    reconstructions: Reconstructions | None


def train(
    config: ModelConfig | Mapping[str, Any],
    *,
    validate_at: Collection[int] = (),
    probe_at: Collection[int] = (),
    threads: int = 1,
    compiled: bool = True,
) -> Iterator[Metrics]:
    """Train a model and yield every epoch's metrics.

    Args:
        config: a ModelConfig, or the values for one (with ``config`` for a preset).
        validate_at: epochs, from 1, with a validation in addition to the configured ones.
        probe_at: epochs, from 1, with a linear probe in addition to the configured ones.
        threads: CPU threads; results are bit-identical for the same number of them.
        compiled: whether compiled code may compute the blocks.

    Raises:
        PcsearchError: the configuration or its data cannot be used.
    """
    if not isinstance(config, ModelConfig):
        config = model_config(config)
    run = TrainingRun(
        config, validate_at=validate_at, probe_at=probe_at, threads=threads, compiled=compiled
    )
    while not run.finished:
        yield run.run_epoch().metrics


class TrainingRun:
    """A training run whose state can be saved and restored after any epoch.

    Args:
        config: the configuration of the run.
        splits: the images; loaded as the configuration says when left out.
        validate_at: epochs, from 1, with a validation in addition to the configured ones.
        probe_at: epochs, from 1, with a linear probe in addition to the configured ones.
        threads: CPU threads.
        compiled: whether compiled code may compute the blocks. It does so where there is a C
            compiler, and the run is long enough to repay the compilation.
        weights: those that training starts from, of the configuration's shapes; drawn by its seed
            when left out.
    """

    def __init__(
        self,
        config: ModelConfig,
        splits: Splits | None = None,
        *,
        validate_at: Collection[int] = (),
        probe_at: Collection[int] = (),
        threads: int = 1,
        compiled: bool = True,
        weights: Weights | None = None,
    ) -> None:
        self.config = config
        self.epoch = 0
        self.stop_reason: str | None = None
        self.saved_model: dict[str, Tensor] | None = None
        self._threads = threads
        self._device = pick_device(config.device)
        splits = splits or load_splits(config)
        architecture = Architecture.of(config)
        work = architecture.training_gigaflops(config.inference_steps)
        work *= config.epochs * len(splits.train)
        blocks = compiled_blocks(architecture, self._device, work) if compiled else None
        model = Model(architecture, self._device, blocks)
        weights = weights or init_weights(architecture, config.seed)
        self._is_compiled = blocks is not None
        self._training = TrainingState(fresh_learner(moved(weights, self._device)))
        self._trainer = EpochTrainer(config, model, splits.train, self._device)
        self._evaluator = SplitEvaluator(config, model, splits, self._device)
        self._evaluations = EvaluationSchedule(config, frozenset(validate_at), frozenset(probe_at))
        self._early_stopping = EarlyStopping.of(config)
        self._saving = ModelSaving.of(config)
        self._best: dict[str, float | None] = dict.fromkeys(BEST)

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done or the run was stopped early."""
        return self.epoch >= self.config.epochs or self.stop_reason is not None

    @property
    def diverged(self) -> bool:
        """Whether the loss of the last epoch was not finite."""
        return self.stop_reason == DIVERGED

    @property
    def weights(self) -> dict[str, Tensor]:
        """The current weights."""
        return self._training.learner.weights

    def trained_model(self, metrics: Metrics) -> TrainedModel:
        """The current model, after any epoch, for its file.

        Args:
            metrics: of that epoch.
        """
        learner, hidden = self._trained
        return TrainedModel(
            self.config, metrics, learner.weights, hidden, learner.moments, self._is_compiled
        )

    def run_epoch(self) -> Epoch:
        """Train for an epoch, and evaluate the model as the schedule says."""
        with computing(self._device, self._threads):
            self.epoch += 1
            metrics: Metrics = {EPOCH: self.epoch}
            metrics |= self._trainer.train(self._training, self.epoch)
            training_rates = LearningRates(metrics[LR_WEIGHTS], metrics[LR_HIDDEN])
            rates = evaluation_rates(self.config, training_rates)
            if not math.isfinite(metrics[TRAIN_ENERGY] + metrics[TRAIN_MSE]):
                self.stop_reason = DIVERGED
            else:
                metrics |= self._evaluate(metrics, rates)
                self._save_model(metrics)
            pictures = None
            if self._evaluations.reconstructs(self.epoch) or (
                self._evaluations.has_pictures and self.stop_reason not in (None, DIVERGED)
            ):
                pictures = self._evaluator.reconstruct(*self._trained, rates)
        return Epoch(metrics | self._summary(metrics), pictures)

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint, after any epoch.

        A run that it is restored to gives the same metrics as one that never stopped.
        """
        return {
            "epoch": self.epoch,
            "stop_reason": self.stop_reason,
            **self._training.state(),
            "compiled": self._is_compiled,
            "best": self._best,
            "early_stopping": self._early_stopping and self._early_stopping.state(),
            "saving": self._saving.state(),
            "saved_model": self.saved_model,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the `state` of a run of the same configuration."""
        state = moved(state, self._device)
        self.epoch, self.stop_reason = state["epoch"], state["stop_reason"]
        self._training = TrainingState.from_state(state)
        self._best = dict(state["best"])
        if self._early_stopping is not None:
            self._early_stopping.load_state(state["early_stopping"])
        self._saving.load_state(state["saving"])
        self.saved_model = state["saved_model"]

    @property
    def _trained(self) -> tuple[Learner, Hidden]:
        """The weights and the hidden states that training has left, for evaluations."""
        assert self._training.hidden is not None, "a run has hidden states after its first epoch"
        return self._training.learner, self._training.hidden

    def _evaluate(self, metrics: Metrics, rates: LearningRates) -> Metrics:
        """Validate and probe where due, and decide whether to stop early."""
        schedule, rule = self._evaluations, self._early_stopping
        evaluated: Metrics = {}
        if schedule.validates(self.epoch):
            evaluated |= self._evaluator.validate(*self._trained, rates)
        if schedule.probes(self.epoch):
            evaluated |= self._evaluator.probe(*self._trained)
        if rule is not None and schedule.configured(rule.measure, self.epoch):
            self.stop_reason = rule.stop_reason((metrics | evaluated)[MEASURES[rule.measure]])
        if self.stop_reason is not None:
            # A run's last epoch has every metric, whatever the reason that it is the last.
            if VAL_MSE not in evaluated:
                evaluated |= self._evaluator.validate(*self._trained, rates)
            if schedule.has_probe and PROBE_ACCURACY not in evaluated:
                evaluated |= self._evaluator.probe(*self._trained)
        return evaluated

    def _save_model(self, metrics: Metrics) -> None:
        """Keep this epoch's weights as the saved model, where the rule says so."""
        # The last epoch counts, also of a run that is stopped early.
        counts = self.finished or self._evaluations.counts_for_saving(self.epoch)
        value = metrics.get(MEASURES[self._saving.measure]) if counts else None
        if self._saving.saves(metrics[TRAIN_MSE], value):
            self.saved_model = self.weights

    def _summary(self, metrics: Metrics) -> Metrics:
        for name, metric in BEST.items():
            value = metrics.get(metric)
            if value is not None and improves(metric, value, self._best[name]):
                self._best[name] = value
        return {
            **self._best,
            FINAL_TRAIN_MSE: metrics[TRAIN_MSE],
            EARLY_STOP_REASON: self.stop_reason,
        }
