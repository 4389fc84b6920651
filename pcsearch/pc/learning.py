"""Learning: one step of the weights down the energy, the hidden states held fixed.

G = (dE/dW) / B,  clipped to a global norm,  then AdamW with decay on every weight
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.energies import Penalty, penalties
from pcsearch.pc.gradients import Folded, fold, gradient, unfold
from pcsearch.pc.inference import Hidden
from pcsearch.pc.model import Model, Weights
from pcsearch.pc.optimisers import AdamState, adamw, clip_by_global_norm, fresh_adam
from pcsearch.pc.parts import each_part


@dataclass(frozen=True)
class Settings:
    """The constants of a weight step."""

    penalty: Penalty
    weight_decay: float
    clip_norm: float | None

    @classmethod
    def of(cls, config: ModelConfig) -> Settings:
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
    """What one weight step gives: E (a scalar) before it and the gradient G before clipping."""

    learner: Learner
    energy: Tensor
    gradient: Weights


def fresh_learner(weights: Weights) -> Learner:
    """A learner that has taken no step."""
    return Learner(weights, fresh_adam(list(weights.values())))


def step_weights(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    lr: float,
    settings: Settings,
) -> WeightStep:
    """One weight step: a pure function of its arguments.

    Args:
        model: the layers.
        learner: weights and optimiser state before the step; not changed.
        hidden: the hidden states after inference, held fixed.
        images: the images as patches, (B, N, D); the sensory vode's state, where it is free,
            stands in for them.
        lr: the rate of the weights.
        settings: everything that stays the same over a run.
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

    def compute(part: slice) -> tuple[Tensor, Folded]:
        learned, top, states = folded.zeros(), hidden.top[part], hidden.states[:, part]
        *_, energies = gradient(model, folded, top, states, sensory[part], learned)
        return energies.sum() + penalties(states, penalty).sum(), learned

    found = each_part(images, model.architecture.widest, compute)
    energy, learned = found[0]
    for more, others in found[1:]:
        energy += more
        for total, tensor in zip(learned.tensors(), others.tensors(), strict=True):
            total += tensor
    unfolded = unfold(folded, learned, leaves)
    return {name: tensor / len(images) for name, tensor in unfolded.items()}, energy
