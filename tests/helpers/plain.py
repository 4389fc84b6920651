"""A training batch as its definition says it: eager, by autograd over the energy.

The package's own step has the gradients written out; it is held to this one in the tests, and
timed against it in ``tests/benchmarks/training.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.model.energies import vode_energies
from pcsearch.pc.model.inference import (
    GRADIENT_NORM_EPS,
    HIDDEN_WEIGHT_DECAY,
    Hidden,
    InferenceSettings,
)
from pcsearch.pc.model.learning import Learner, LearningSettings
from pcsearch.pc.model.optimisers import AdamState, adamw, clip_by_global_norm, fresh_adam
from pcsearch.pc.model.training_batch import BatchSettings
from pcsearch.pc.model.transformer import Model, Weights


def hidden_gradient(
    model: Model, weights: Weights, hidden: Hidden, images: Tensor, settings: InferenceSettings
) -> tuple[Tensor, list[Tensor]]:
    """The energies of the vodes, and dE/dh after layer scaling and norm target."""
    leaves = [tensor.detach().requires_grad_() for tensor in hidden.free()]
    sensory = leaves[2] if len(leaves) == 3 else images
    with torch.enable_grad():
        energies = vode_energies(model, weights, leaves[0], leaves[1], sensory, settings.penalty)
        top, states, *free = torch.autograd.grad(energies.sum(), leaves)
    if settings.scale_base is not None:
        levels = len(states)
        powers = settings.scale_base ** torch.arange(levels - 1, -1, -1, dtype=states.dtype)
        top = top * settings.scale_base**levels
        states = states * powers.view(-1, 1, 1, 1)
        free = [g / settings.scale_base for g in free]
    if settings.norm_target is not None:
        norms = states.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        states = states * (settings.norm_target / (norms + GRADIENT_NORM_EPS))
        top, *free = (
            g * (settings.norm_target / (g.square().sum().sqrt() + GRADIENT_NORM_EPS))
            for g in (top, *free)
        )
    return energies.detach(), [top, states, *free]


def update_hidden(
    model: Model,
    weights: Weights,
    hidden: Hidden,
    moments: AdamState,
    images: Tensor,
    lr: float,
    settings: InferenceSettings,
) -> tuple[Hidden, AdamState]:
    _, gradient = hidden_gradient(model, weights, hidden, images, settings)
    direction = clip_by_global_norm(gradient, settings.clip_norm)
    if settings.adamw:
        decay = HIDDEN_WEIGHT_DECAY
        moved, moments = adamw(hidden.free(), direction, moments, lr=lr, weight_decay=decay)
        return Hidden(*moved), moments
    pairs = zip(moments.first, direction, strict=True)
    velocity = [settings.momentum * m + g for m, g in pairs]
    moved = [h - lr * m for h, m in zip(hidden.free(), velocity, strict=True)]
    return Hidden(*moved), moments._replace(first=velocity)


def weight_gradient(
    model: Model, weights: Weights, hidden: Hidden, images: Tensor, settings: LearningSettings
) -> tuple[Tensor, Weights]:
    """The energy, and its gradient by the weights for each image on average."""
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
    sensory = images if hidden.sensory is None else hidden.sensory
    with torch.enable_grad():
        energy = vode_energies(
            model, leaves, hidden.top, hidden.states, sensory, settings.penalty
        ).sum()
        gradient = torch.autograd.grad(energy, list(leaves.values()))
    found = {name: g / len(images) for name, g in zip(leaves, gradient, strict=True)}
    return energy.detach(), found


def step_weights(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    lr: float,
    settings: LearningSettings,
) -> Learner:
    _, gradient = weight_gradient(model, learner.weights, hidden, images, settings)
    updated, moments = adamw(
        list(learner.weights.values()),
        clip_by_global_norm(list(gradient.values()), settings.clip_norm),
        learner.moments,
        lr=lr,
        weight_decay=settings.weight_decay,
    )
    return Learner(dict(zip(learner.weights, updated, strict=True)), moments)


def train_batch(
    model: Model,
    learner: Learner,
    hidden: Hidden,
    images: Tensor,
    lr_hidden: float,
    lr_weights: float,
    settings: BatchSettings,
) -> tuple[Learner, Hidden, Tensor]:
    """The learner, the hidden states and the reconstruction after a batch."""
    moments = fresh_adam(hidden.free())
    for step in range(settings.inference_steps):
        hidden, moments = update_hidden(
            model, learner.weights, hidden, moments, images, lr_hidden, settings.inference
        )
        if settings.incremental or step == settings.inference_steps - 1:
            learner = step_weights(model, learner, hidden, images, lr_weights, settings.learning)
    return learner, hidden, model.feed_forward(learner.weights, hidden.top)[1]
