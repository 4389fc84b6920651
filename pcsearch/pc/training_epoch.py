"""One epoch of training: its batches, their images and hidden states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pcsearch.errors import PcsearchError
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data.augmentation import Augmentation
from pcsearch.pc.data.images import Images
from pcsearch.pc.metrics import LR_HIDDEN, LR_WEIGHTS, TRAIN_ENERGY, TRAIN_MSE
from pcsearch.pc.model.inference import Hidden, init_hidden
from pcsearch.pc.model.learning import Learner
from pcsearch.pc.model.optimisers import AdamState
from pcsearch.pc.model.patches import patchify
from pcsearch.pc.model.training_batch import BatchSettings, train_batch
from pcsearch.pc.model.transformer import Model
from pcsearch.pc.schedule.learning_rates import RunLearningRates
from pcsearch.pc.seeds import derive_seed, generator


@dataclass
class TrainingState:
    """What training changes: the weights, the hidden states and the number of training steps.

    The hidden states' optimiser starts fresh at every batch, and random numbers follow from the
    seed and the epoch: neither has a state of its own.
    """

    learner: Learner
    hidden: Hidden | None = None
    step: int = 0

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        assert self.hidden is not None, "there are hidden states after the first epoch"
        return {
            "step": self.step,
            "weights": self.learner.weights,
            "moments": self.learner.moments._asdict(),
            "hidden": [self.hidden.top, self.hidden.states],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TrainingState:
        """The training state of a checkpoint."""
        learner = Learner(state["weights"], AdamState(**state["moments"]))
        return cls(learner, Hidden(*state["hidden"]), state["step"])


class EpochTrainer:
    """Trains a model for one epoch at a time.

    Args:
        config: the configuration of the run.
        model: the layers.
        images: the training images.
        device: where the model is.

    Raises:
        PcsearchError: there are too few images for a batch.
    """

    def __init__(
        self, config: ModelConfig, model: Model, images: Images, device: torch.device
    ) -> None:
        self._config = config
        self._model = model
        self._images = images
        self._device = device
        self._batches = len(images) // config.batch_size
        if not self._batches:
            raise PcsearchError(
                f"batch_size {config.batch_size} is more than the {len(images)} training images "
                "that train_subset and target_class leave"
            )
        self._rates = RunLearningRates(config, config.epochs * self._batches)
        self._settings = BatchSettings.of(config)
        self._augmentation = (
            Augmentation(config.image_shape) if config.use_ssl_augmentations else None
        )

    def train(self, state: TrainingState, epoch: int) -> dict[str, float]:
        """Train for an epoch, or until the loss is not finite; returns the training metrics.

        Args:
            state: changed by each batch.
            epoch: the epoch's number, from 1.
        """
        energies, errors = 0.0, 0.0
        random = generator(self._config.seed, "order", epoch)
        order = torch.randperm(len(self._images), generator=random)
        size = self._config.batch_size
        for batch in range(self._batches):
            rates = self._rates.at(state.step)
            trained = train_batch(
                self._model,
                state.learner,
                self._start_hidden(state, epoch, batch),
                self._batch(order[batch * size : (batch + 1) * size], epoch, batch),
                rates.hidden,
                rates.weights,
                self._settings,
            )
            state.learner, state.hidden = trained.learner, trained.hidden
            state.step += 1
            energy, mse = torch.stack([trained.step.energy / size, trained.mse]).tolist()
            energies, errors = energies + energy, errors + mse
            if not math.isfinite(energy + mse):
                break
        return {
            TRAIN_ENERGY: energies / (batch + 1),
            TRAIN_MSE: errors / (batch + 1),
            LR_WEIGHTS: rates.weights,
            LR_HIDDEN: rates.hidden,
        }

    def _batch(self, indices: Tensor, epoch: int, batch: int) -> Tensor:
        """The images at ``indices``, augmented and normalised, as patches, (B, N, D)."""
        images = self._images.unit(indices, self._device)
        if self._augmentation is not None:
            seed = derive_seed(self._config.seed, "augmentation", epoch, batch)
            images = self._augmentation(images, seed)
        return patchify(self._images.normalise(images), self._config.patch_size)

    def _start_hidden(self, state: TrainingState, epoch: int, batch: int) -> Hidden:
        """The hidden states at the start of a batch: the last ones, or fresh ones where due."""
        config = self._config
        new_epoch = batch == 0 and config.reinitialize_model_for_each_epoch
        if state.hidden is not None and not (config.use_status_init_in_training or new_epoch):
            return state.hidden
        shape, noise = self._model.architecture, None
        if config.use_noise:
            random = generator(config.seed, "hidden", epoch, batch)
            noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random)
        return init_hidden(self._model, state.learner.weights, config.batch_size, noise)
