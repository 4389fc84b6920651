"""Learning: one step of the weights down the energy, the hidden states held fixed.

G = (dE/dW) / B,  clipped to a global norm,  then AdamW with decay on every weight
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.energies import Penalty, penalties
from pcsearch.pc.model.folding import FoldedWeights, fold, unfold
from pcsearch.pc.model.gradients import energy_gradient
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.optimisers import AdamState, adamw, clip_by_global_norm, fresh_adam
from pcsearch.pc.model.transformer import Model, Weights


@dataclass(frozen=True)
class LearningSettings:
    """What stays the same in all weight steps of a run."""

    penalty: Penalty
    weight_decay: float
    clip_norm: float | None

    @classmethod
    def of(cls, config: ModelConfig) -> LearningSettings:
        """The settings of a configuration."""
        return cls(
            penalty=Penalty(config.intermediate_l1_coeff, config.intermediate_l2_coeff),
            weight_decay=config.weight_decay,
            clip_norm=config.w_grad_clip_norm,
        )


class Learner(NamedTuple):
    """The weights and the state of their optimiser."""

    weights: Weights
    moments: AdamState


class WeightStep(NamedTuple):
    """The result of one weight step: E (a scalar) before it, and the gradient G before clipping."""

    learner: Learner
    energy: Tensor
    gradient: Weights


def fresh_learner(weights: Weights) -> Learner:
    """A learner before its first step."""
    return Learner(weights, fresh_adam(list(weights.values())))


def step_weights(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    lr: float,
    settings: LearningSettings,
) -> WeightStep:
    """One weight step: a pure function of its arguments.

    Args:
        model: the layers.
        learner: weights and optimiser state before the step; not changed.
        hidden: the hidden states after inference, held fixed.
        images: the images as patches, (B, N, D). Where the sensory vode is free, its state takes
            their place.
        lr: the learning rate of the weights.
        settings: what stays the same over a run.
    """
    gradients, energy = _gradient(model, learner.weights, hidden, images, settings.penalty)
    updated, moments = adamw(
        list(learner.weights.values()),
        clip_by_global_norm(list(gradients.values()), settings.clip_norm),
        learner.moments,
        lr=lr,
        weight_decay=settings.weight_decay,
    )
    weights = dict(zip(learner.weights, updated, strict=True))
    return WeightStep(Learner(weights, moments), energy, gradients)


def _gradient(
    model: Model, weights: Weights, hidden: Hidden, images: Tensor, penalty: Penalty
) -> tuple[Weights, Tensor]:
    """G before clipping, and E."""
    sensory = images if hidden.sensory is None else hidden.sensory
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
    with torch.enable_grad():
        folded = fold(model, leaves)

    def compute(part: slice) -> tuple[Tensor, FoldedWeights]:
        gradients, top, states = folded.zeros(), hidden.top[part], hidden.states[:, part]
        *_, energies = energy_gradient(model, folded, top, states, sensory[part], gradients)
        return energies.sum() + penalties(states, penalty).sum(), gradients

    (energy, total), *others = model.microbatches.map(images, compute)
    for more_energy, more in others:
        energy += more_energy
        for tensor, summand in zip(total.tensors(), more.tensors(), strict=True):
            tensor += summand
    unfolded = unfold(folded, total, leaves)
    return {name: tensor / len(images) for name, tensor in unfolded.items()}, energy
