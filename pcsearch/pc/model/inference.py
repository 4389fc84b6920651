"""Inference: gradient descent of the energy over the hidden states, the weights held fixed.

One update, with m the velocity (fresh at every batch):

    g_i = dE/dh_i                      for the vodes 0 .. L+1
    g_i = g_i * base^(L+1-i)           with a scale base
    g_i = g_i * target / (||g_i|| + 1e-8)   with a norm target
    g   = g * min(1, clip / ||g||)     over all vodes together, with a clip norm
    m   = mu m + g,  h = h - lr m      or one step of AdamW

dE/dh is written out in `pcsearch.pc.model.gradients`.

In evaluation with corruption the sensory vode is free too: it is vode L+2 of the same formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model.energies import Penalty, penalties
from pcsearch.pc.model.folding import fold
from pcsearch.pc.model.gradients import energy_gradient
from pcsearch.pc.model.optimisers import AdamState, adamw, clip_factor, fresh_adam
from pcsearch.pc.model.transformer import Model, Weights

GRADIENT_NORM_EPS = 1e-8
HIDDEN_WEIGHT_DECAY = 1e-4
TOP_NOISE = 0.01


@dataclass(frozen=True)
class InferenceSettings:
    """What stays the same in all hidden-state updates of a run."""

    penalty: Penalty
    momentum: float
    scale_base: float | None
    norm_target: float | None
    clip_norm: float | None
    adamw: bool

    @classmethod
    def of(cls, config: ModelConfig, *, training: bool) -> InferenceSettings:
        """The settings of a configuration; only training has a norm target."""
        has_target = training and config.use_vode_grad_norm
        return cls(
            penalty=Penalty(config.intermediate_l1_coeff, config.intermediate_l2_coeff),
            momentum=config.hidden_momentum,
            scale_base=config.inference_lr_scale_base if config.use_inference_lr_scaling else None,
            norm_target=config.vode_grad_norm_target if has_target else None,
            clip_norm=config.h_grad_clip_norm,
            adamw=config.use_adamw_for_hidden_optimizer,
        )


class Hidden(NamedTuple):
    """The hidden states of one batch.

    ``top`` is h_0, (B, N, D); ``states`` are h_1 .. h_{L+1}, (L+1, B, N, H). ``sensory`` is the
    state of the sensory vode as patches, (B, N, D), where it is free, and None where it is clamped.
    """

    top: Tensor
    states: Tensor
    sensory: Tensor | None = None

    def first(self, count: int) -> Hidden:
        """The states of the first ``count`` images of the batch."""
        sensory = None if self.sensory is None else self.sensory[:count]
        return Hidden(self.top[:count], self.states[:, :count], sensory)

    def free(self) -> list[Tensor]:
        """The tensors that inference updates."""
        return [self.top, self.states] + ([] if self.sensory is None else [self.sensory])


class Update(NamedTuple):
    """The result of one hidden-state update.

    ``energies`` (L+2,) are those of the vodes 1 .. L+2 before the update. ``gradient`` is g after
    the layer scaling and the norm target and before the clipping, shaped like the free hidden
    states.
    """

    hidden: Hidden
    moments: AdamState
    energies: Tensor
    gradient: list[Tensor]


def init_hidden(model: Model, weights: Weights, batch: int, noise: Tensor | None) -> Hidden:
    """Feed-forward hidden states: h_0 is small noise, every other state its prediction.

    Args:
        model: the layers.
        weights: their weights.
        batch: B.
        noise: one standard normal sample (N, D) shared by the batch, or None for zeros.
    """
    shape = (model.architecture.num_patches, model.architecture.patch_dim)
    base = weights["patch_projection.weight"]
    top = base.new_zeros(shape) if noise is None else TOP_NOISE * noise.to(base)
    states, _ = model.feed_forward(weights, top.expand(1, *shape))
    return Hidden(
        top.expand(batch, *shape).contiguous(),
        states.expand(-1, batch, -1, -1).contiguous(),
    )


@torch.no_grad()
def update_hidden(
    model: Model,
    weights: Weights,
    hidden: Hidden,
    moments: AdamState,
    images: Tensor,
    lr: float,
    settings: InferenceSettings,
    spare: Update | None = None,
) -> Update:
    """One hidden-state update: a pure function of its arguments, that never waits for a GPU.

    Args:
        model: the layers.
        weights: their weights, held fixed.
        hidden: the states before the update.
        moments: the optimiser's state after the last update; `fresh_moments` at the start of a
            batch.
        images: the clamped images as patches, (B, N, D); not read where the sensory vode is free.
        lr: the learning rate of the hidden states.
        settings: what stays the same over a run.
        spare: an update of the same shapes that is no longer needed, such as the one that gave
            ``hidden`` and ``moments``: the result takes the place of its tensors. To allocate
            memory takes as long as to fill it.
    """
    tensors = hidden.free()
    gradient = spare.gradient if spare else [torch.empty_like(tensor) for tensor in tensors]
    energies, clip = _compute_gradient(model, weights, hidden, images, settings, gradient)
    updated, moments = _descend(tensors, gradient, clip, moments, lr, settings, spare)
    return Update(Hidden(*updated), moments, energies, gradient)


def fresh_moments(hidden: Hidden) -> AdamState:
    """The optimiser state at the start of a batch."""
    return fresh_adam(hidden.free())


def _compute_gradient(
    model: Model,
    weights: Weights,
    hidden: Hidden,
    images: Tensor,
    settings: InferenceSettings,
    gradient: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Write g after the layer scaling and the norm target to ``gradient``.

    Returns:
        The energies of the vodes, and the factor that clips the gradient.
    """
    folded = fold(model, weights)
    sensory = images if hidden.sensory is None else hidden.sensory
    base, (l1, l2) = settings.scale_base, (settings.penalty.l1, settings.penalty.l2)
    powers = (base or 1.0) ** torch.arange(
        len(hidden.states), -2, -1, dtype=images.dtype, device=images.device
    )

    def compute(part: slice) -> tuple[Tensor, Tensor]:
        h = hidden.states[:, part]
        top, states, free, energies = energy_gradient(
            model, folded, hidden.top[part], h, sensory[part]
        )
        if l1 or l2:
            energies[:-1] += penalties(h, settings.penalty)
            states.add_(h.sign(), alpha=l1).add_(h, alpha=2 * l2)
        vodes = [top[None], states] if hidden.sensory is None else [top[None], states, free[None]]
        norms = torch.cat([torch.linalg.vector_norm(g, dim=(1, 2, 3)) for g in vodes])
        torch.mul(top, powers[0], out=gradient[0][part])
        torch.mul(states, powers[1:-1].view(-1, 1, 1, 1), out=gradient[1][:, part])
        if hidden.sensory is not None:
            torch.mul(free, powers[-1], out=gradient[2][part])
        return energies, norms

    results = model.microbatches.map(images, compute)
    energies = torch.stack([energies for energies, _ in results]).sum(0)
    norms = torch.linalg.vector_norm(torch.stack([norms for _, norms in results]), dim=0)
    norms *= powers[: len(norms)]
    if settings.norm_target is not None:
        factors = settings.norm_target / (norms + GRADIENT_NORM_EPS)
        for g, factor in zip((gradient[0], *gradient[1], *gradient[2:]), factors, strict=True):
            g *= factor
        norms *= factors
    return energies, clip_factor([norms], settings.clip_norm)


def _descend(
    tensors: Sequence[Tensor],
    gradient: Sequence[Tensor],
    clip: Tensor,
    moments: AdamState,
    lr: float,
    settings: InferenceSettings,
    spare: Update | None,
) -> tuple[list[Tensor], AdamState]:
    """One step of the optimiser: the new states, and the optimiser's new state."""
    if settings.adamw:
        direction = [g * clip for g in gradient]
        return adamw(tensors, direction, moments, lr=lr, weight_decay=HIDDEN_WEIGHT_DECAY)
    new = [None] * len(tensors)
    velocity = [
        torch.mul(m, settings.momentum, out=out).addcmul_(g, clip)
        for m, g, out in zip(
            moments.first, gradient, spare.moments.first if spare else new, strict=True
        )
    ]
    updated = [
        torch.sub(h, m, alpha=lr, out=out)
        for h, m, out in zip(tensors, velocity, spare.hidden.free() if spare else new, strict=True)
    ]
    return updated, moments._replace(first=velocity)
