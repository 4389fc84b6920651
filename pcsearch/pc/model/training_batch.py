"""One training batch: initialise the hidden states, infer them, learn the weights, reconstruct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    Update,
    fresh_moments,
    update_hidden,
)
from pcsearch.pc.model.learning import Learner, LearningSettings, WeightStep, step_weights
from pcsearch.pc.model.transformer import Model


@dataclass(frozen=True)
class BatchSettings:
    """What stays the same in all training batches of a run."""

    inference: InferenceSettings
    learning: LearningSettings
    inference_steps: int
    incremental: bool

    @classmethod
    def of(cls, config: ModelConfig) -> BatchSettings:
        """The settings of a configuration."""
        return cls(
            inference=InferenceSettings.of(config, training=True),
            learning=LearningSettings.of(config),
            inference_steps=config.inference_steps,
            incremental=config.update_weights_every_inference_step,
        )


class TrainedBatch(NamedTuple):
    """The result of a training batch.

    ``update`` is the last hidden-state update, ``step`` the last weight step. ``reconstruction``
    is the feed-forward image from h_0 with the new weights, as patches (B, N, D), and ``mse`` (a
    scalar) its mean squared difference from the images, both clipped to [0, 1].
    """

    learner: Learner
    hidden: Hidden
    update: Update
    step: WeightStep
    reconstruction: Tensor
    mse: Tensor


def train_batch(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    lr_hidden: float,
    lr_weights: float,
    settings: BatchSettings,
) -> TrainedBatch:
    """Train on one batch.

    Args:
        model: the layers.
        learner: the weights and their optimiser's state.
        hidden: the hidden states to start from, of this batch's size.
        images: the images as patches, (B, N, D).
        lr_hidden: the learning rate of the hidden states.
        lr_weights: the learning rate of the weights.
        settings: what stays the same over a run.
    """

    def learn() -> WeightStep:
        return step_weights(model, learner, hidden, images, lr_weights, settings.learning)

    update, moments = None, fresh_moments(hidden)
    for _ in range(settings.inference_steps):
        update = update_hidden(
            model,
            learner.weights,
            hidden,
            moments,
            images,
            lr_hidden,
            settings.inference,
            spare=update,
        )
        hidden, moments = update.hidden, update.moments
        if settings.incremental:
            step = learn()
            learner = step.learner
    assert update is not None, "T is 1 at least"
    if not settings.incremental:
        step = learn()
        learner = step.learner
    reconstruction = model.reconstruct(learner.weights, hidden.top)
    return TrainedBatch(
        learner, hidden, update, step, reconstruction, clipped_mse(reconstruction, images)
    )


def clipped_mse(reconstruction: Tensor, images: Tensor) -> Tensor:
    """The mean squared difference of two equally shaped tensors, both clipped to [0, 1]."""
    return (reconstruction.clamp(0, 1) - images.clamp(0, 1)).square().mean()
