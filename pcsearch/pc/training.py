"""A training run of the PC transformer, an epoch at a time.

for metrics in train({"config": "1block", "dataset": "digits", "batch_size": 100}):
    print(metrics["epoch"], metrics["Losses/train_mse_avg"])
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pcsearch.errors import PcsearchError
from pcsearch.pc import batch
from pcsearch.pc.batch import train_batch
from pcsearch.pc.compiled.choice import choose
from pcsearch.pc.config import ModelConfig, model_config
from pcsearch.pc.data.augmentation import Augmentation
from pcsearch.pc.data.datasets import load_splits
from pcsearch.pc.data.images import Images, Splits
from pcsearch.pc.device import computing, moved, pick_device
from pcsearch.pc.early_stopping import EarlyStopping, ModelSaving, better
from pcsearch.pc.evaluation import Evaluator, Rates
from pcsearch.pc.inference import Hidden, init_hidden
from pcsearch.pc.learning import Learner, fresh_learner
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
)
from pcsearch.pc.model import Architecture, Model, init_weights
from pcsearch.pc.optimisers import AdamState
from pcsearch.pc.patches import patchify
from pcsearch.pc.pictures import Reconstructions
from pcsearch.pc.probe import Labelled, probe
from pcsearch.pc.reconstruction import reconstruct
from pcsearch.pc.schedules import Schedule
from pcsearch.pc.seeds import derive_seed, generator
from pcsearch.pc.work import gigaflops

Metrics = dict[str, Any]


class Epoch(NamedTuple):
    """What an epoch gives: its metrics by name, and pictures in the epochs that make them."""

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
        validate_at: epochs, from 1, that end with a validation besides the configured ones.
        probe_at: the same for the linear probe.
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
    """A run that can stop after any epoch and go on from its state.

    Args:
        config: all of its settings.
        splits: the images; loaded as the configuration says when left out.
        validate_at: epochs that end with a validation besides the configured ones.
        probe_at: the same for the linear probe.
        threads: CPU threads.
        compiled: whether compiled code may compute the blocks: where there is a compiler, and the
            run is long enough to repay it.
        progress: whether a download shows a progress bar.
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
        progress: bool = False,
    ) -> None:
        self.config = config
        self.epoch = 0
        self.stop_reason: str | None = None
        self.saved_model: dict[str, Tensor] | None = None
        self._device = pick_device(config.device)
        self._splits = splits or load_splits(config, progress=progress)
        self._validate_at, self._probe_at = frozenset(validate_at), frozenset(probe_at)
        self._probing = bool(config.linear_probe_every_n_epochs or probe_at)
        self._threads = threads
        architecture = Architecture.of(config)
        images = config.epochs * len(self._splits.train)
        work = images * gigaflops(architecture, config.inference_steps)
        blocks = choose(architecture, self._device, work) if compiled else None
        self._model = Model(architecture, self._device, blocks)
        weights = init_weights(architecture, config.seed)
        self._learner = fresh_learner(
            {name: tensor.to(self._device) for name, tensor in weights.items()}
        )
        self._hidden: Hidden | None = None
        self._step = 0
        self._last_rates = Rates(config.peak_lr_weights, config.peak_lr_hidden)
        self._best: dict[str, float | None] = dict.fromkeys(BEST)
        self._early_stopping = EarlyStopping.of(config)
        self._saving = ModelSaving.of(config)
        self._settings = batch.Settings.of(config)
        self._evaluator = Evaluator(config, self._model, self._device)
        self._augmentation = (
            Augmentation(config.image_shape) if config.use_ssl_augmentations else None
        )
        self._batches = len(self._splits.train) // config.batch_size
        if not self._batches:
            raise PcsearchError(
                f"batch_size {config.batch_size} is more than the {len(self._splits.train)} "
                "training images that train_subset and target_class leave"
            )
        self._weights_schedule = self._schedule(config.peak_lr_weights, config.use_lr_schedule_w)
        self._hidden_schedule = self._schedule(config.peak_lr_hidden, config.use_lr_schedule_h)

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done or the run was stopped early."""
        return self.epoch >= self.config.epochs or self.stop_reason is not None

    def run_epoch(self) -> Epoch:
        """Train for an epoch and evaluate what is due after it."""
        with computing(self._device, self._threads):
            self.epoch += 1
            metrics: Metrics = {EPOCH: self.epoch, **self._train_epoch()}
            if not math.isfinite(metrics[TRAIN_ENERGY] + metrics[TRAIN_MSE]):
                self.stop_reason = DIVERGED
            else:
                metrics |= self._evaluate(metrics)
                measure = self._saving.measure
                # As in early stopping, what a search asks for besides changes nothing.
                counts = self._counts(measure) or self.epoch == self.config.epochs
                value = metrics.get(MEASURES[measure]) if counts else None
                if self._saving.keeps(metrics[TRAIN_MSE], value):
                    self.saved_model = self._learner.weights
            pictures = self._reconstruct() if self._pictures_due else None
        return Epoch(metrics | self._summary(metrics), pictures)

    def state(self) -> dict[str, Any]:
        """All that a run needs to go on as if it had never stopped, after any epoch.

        The hidden states' optimiser starts fresh at every batch, and random numbers follow from
        the seed and the epoch, so neither has a state of its own.
        """
        assert self._hidden is not None, "a run has a state after its first epoch"
        return {
            "epoch": self.epoch,
            "step": self._step,
            "stop_reason": self.stop_reason,
            "weights": self._learner.weights,
            "moments": self._learner.moments._asdict(),
            "hidden": [self._hidden.top, self._hidden.states],
            "best": self._best,
            "early_stopping": self._early_stopping and self._early_stopping.state(),
            "saving": self._saving.state(),
            "saved_model": self.saved_model,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave a run of the same configuration."""
        state = moved(state, self._device)
        self.epoch, self._step = state["epoch"], state["step"]
        self.stop_reason = state["stop_reason"]
        self._learner = Learner(state["weights"], AdamState(**state["moments"]))
        self._hidden = Hidden(*state["hidden"])
        self._best = dict(state["best"])
        if self._early_stopping is not None:
            self._early_stopping.load_state(state["early_stopping"])
        self._saving.load_state(state["saving"])
        self.saved_model = state["saved_model"]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of the moment."""
        return self._learner.weights

    def _schedule(self, peak: float, scheduled: bool) -> Schedule:
        config = self.config
        total = config.epochs * self._batches
        return Schedule(
            peak, scheduled, config.warmup_steps, total, config.lr_schedule_min_lr_factor
        )

    def _train_epoch(self) -> Metrics:
        energies, errors = 0.0, 0.0
        order = torch.randperm(
            len(self._splits.train), generator=generator(self.config.seed, "order", self.epoch)
        )
        size = self.config.batch_size
        for index in range(self._batches):
            images = self._training_images(order[index * size : (index + 1) * size], index)
            self._last_rates = Rates(
                self._weights_schedule.rate(self._step), self._hidden_schedule.rate(self._step)
            )
            trained = train_batch(
                self._model,
                self._learner,
                self._start_hidden(index),
                images,
                self._last_rates.hidden,
                self._last_rates.weights,
                self._settings,
            )
            self._learner, self._hidden = trained.learner, trained.hidden
            self._step += 1
            energy, mse = torch.stack([trained.step.energy / size, trained.mse]).tolist()
            energies, errors = energies + energy, errors + mse
            if not math.isfinite(energy + mse):
                break
        return {
            TRAIN_ENERGY: energies / (index + 1),
            TRAIN_MSE: errors / (index + 1),
            LR_WEIGHTS: self._last_rates.weights,
            LR_HIDDEN: self._last_rates.hidden,
        }

    def _training_images(self, indices: Tensor, index: int) -> Tensor:
        images = self._splits.train.unit(indices, self._device)
        if self._augmentation is not None:
            seed = derive_seed(self.config.seed, "augmentation", self.epoch, index)
            images = self._augmentation(images, seed)
        return patchify(self._splits.train.normalise(images), self.config.patch_size)

    def _start_hidden(self, index: int) -> Hidden:
        """The hidden states a batch starts from: fresh ones where the configuration says so."""
        config = self.config
        new_epoch = index == 0 and config.reinitialize_model_for_each_epoch
        if self._hidden is not None and not (config.use_status_init_in_training or new_epoch):
            return self._hidden
        shape, noise = self._model.architecture, None
        if config.use_noise:
            random = generator(config.seed, "hidden", self.epoch, index)
            noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random)
        return init_hidden(self._model, self._learner.weights, config.batch_size, noise)

    def _evaluate(self, metrics: Metrics) -> Metrics:
        """Validate and probe where due, and decide whether to stop early."""
        epoch, last = self.epoch, self.epoch == self.config.epochs
        evaluated: Metrics = {}
        if self._counts("val_mse") or last or epoch in self._validate_at:
            evaluated |= self._validate()
        if self._counts("probe_accuracy") or (self._probing and last) or epoch in self._probe_at:
            evaluated |= self._probe()
        rule = self._early_stopping
        if rule is not None and self._counts(rule.measure):
            self.stop_reason = rule.stop_reason((metrics | evaluated)[MEASURES[rule.measure]])
        if self.stop_reason is not None:
            # A run's last epoch has every metric, however the run ended.
            if VAL_MSE not in evaluated:
                evaluated |= self._validate()
            if self._probing and PROBE_ACCURACY not in evaluated:
                evaluated |= self._probe()
        return evaluated

    def _counts(self, measure: str) -> bool:
        """Whether early stopping and model saving look at a measure after this epoch.

        They look at the configured evaluations only, so those that a search asks for besides do
        not change when a run stops, or what it keeps.
        """
        every = {
            "train_mse": 1,
            "val_mse": self.config.validation_every_n_epochs,
            "probe_accuracy": self.config.linear_probe_every_n_epochs,
        }[measure]
        return bool(every) and self.epoch % every == 0

    @property
    def _evaluation_rates(self) -> Rates:
        scheduled = self.config.use_lr_schedule_h
        return self._last_rates._replace(
            hidden=self._last_rates.hidden if scheduled else self.config.hidden_lr_inference
        )

    def _validate(self) -> Metrics:
        assert self._hidden is not None
        images = _batches(self._splits.validation, self.config.batch_size, self._device)
        return dict(
            self._evaluator.validate(self._learner, self._hidden, images, self._evaluation_rates)
        )

    def _probe(self) -> Metrics:
        assert self._hidden is not None

        def labelled(images: Images) -> Labelled:
            size = self.config.batch_size
            return Labelled(lambda: _batches(images, size, self._device), images.labels)

        train, test = labelled(self._splits.train), labelled(self._splits.test)
        return dict(probe(self.config, self._evaluator, self._learner, self._hidden, train, test))

    @property
    def _pictures_due(self) -> bool:
        config = self.config
        wanted = config.save_reconstruction_images or config.save_reconstruction_video
        return wanted and self.epoch % config.reconstruction_every_n_epochs == 0

    def _reconstruct(self) -> Reconstructions:
        assert self._hidden is not None
        test = self._splits.test
        return reconstruct(
            self.config,
            self._model,
            self._evaluator,
            self._learner,
            self._hidden,
            test.unit(torch.arange(min(self.config.num_images, len(test))), self._device),
            test,
            self._evaluation_rates,
        )

    def _summary(self, metrics: Metrics) -> Metrics:
        for name, metric in BEST.items():
            value = metrics.get(metric)
            if value is not None and better(metric, value, self._best[name]):
                self._best[name] = value
        return {
            **self._best,
            FINAL_TRAIN_MSE: metrics[TRAIN_MSE],
            EARLY_STOP_REASON: self.stop_reason,
        }


def _batches(images: Images, size: int, device: torch.device) -> Iterator[Tensor]:
    for indices in torch.split(torch.arange(len(images)), size):
        yield images.batch(indices, device)
