"""Inference: gradient descent of the energy over the hidden states, the weights held fixed.

One update, with m the velocity (fresh at every batch):

    g_i = dE/dh_i                      for the vodes 0 .. L+1
    g_i = g_i * base^(L+1-i)           with a scale base
    g_i = g_i * target / (||g_i|| + 1e-8)   with a norm target
    g   = g * min(1, clip / ||g||)     over all vodes together, with a clip norm
    m   = mu m + g,  h = h - lr m      or one step of AdamW

dE/dh is written out in `pcsearch.pc.gradients`.

In evaluation with corruption the sensory vode is free too: it is vode L+2 of the same formulas,
and after every update its known pixels are blended back to the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.energies import Penalty, penalties
from pcsearch.pc.gradients import fold, gradient
from pcsearch.pc.model import Model, Weights
from pcsearch.pc.optimisers import AdamState, adamw, clip_factor, fresh_adam
from pcsearch.pc.parts import each_part

GRADIENT_NORM_EPS = 1e-8
HIDDEN_WEIGHT_DECAY = 1e-4
TOP_NOISE = 0.01


@dataclass(frozen=True)
class Settings:
    """The constants of a hidden-state update; everything else is an argument of it."""

    penalty: Penalty
    momentum: float
    scale_base: float | None
    norm_target: float | None
    clip_norm: float | None
    adamw: bool

    @classmethod
    def of(cls, config: ModelConfig, *, training: bool) -> Settings:
        """The settings of a configuration; the norm target is for training only."""
        normed = training and config.use_vode_grad_norm
        return cls(
            penalty=Penalty(config.intermediate_l1_coeff, config.intermediate_l2_coeff),
            momentum=config.hidden_momentum,
            scale_base=config.inference_lr_scale_base if config.use_inference_lr_scaling else None,
            norm_target=config.vode_grad_norm_target if normed else None,
            clip_norm=config.h_grad_clip_norm,
            adamw=config.use_adamw_for_hidden_optimizer,
        )


class Hidden(NamedTuple):
    """The hidden states of one batch.

    ``top`` is h_0, (B, N, D); ``states`` are h_1 .. h_{L+1}, (L+1, B, N, H); ``sensory`` is the
    state of the sensory vode as patches, (B, N, D), where it is free, and None where clamped.
    """

    top: Tensor
    states: Tensor
    sensory: Tensor | None = None

    def first(self, count: int) -> Hidden:
        """The states of the first ``count`` images of the batch."""
        sensory = None if self.sensory is None else self.sensory[:count]
        return Hidden(self.top[:count], self.states[:, :count], sensory)

    def free(self) -> list[Tensor]:
        """The tensors that inference moves."""
        return [self.top, self.states] + ([] if self.sensory is None else [self.sensory])


class Update(NamedTuple):
    """What one hidden-state update gives.

    ``energies`` (L+2,) are those of the vodes 1 .. L+2 before the update; ``gradient`` holds g
    after layer scaling and norm target, before clipping, shaped like the free hidden states.
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
    settings: Settings,
    spare: Update | None = None,
) -> Update:
    """One hidden-state update, with no host synchronisation: a pure function of its arguments.

    Args:
        model: the layers.
        weights: their weights, held fixed.
        hidden: the states before the update.
        moments: what the update before left; `fresh_moments` at the start of a batch.
        images: the clamped images as patches, (B, N, D); unused where the sensory vode is free.
        lr: the step size.
        settings: everything that stays the same over a run.
        spare: an earlier update of the same shapes, whose tensors the new one may take: the one
            that ``hidden`` and ``moments`` are of will do. New memory costs as much as filling it.
    """
    slopes = spare.gradient if spare else [torch.empty_like(tensor) for tensor in hidden.free()]
    energies, factor = _slopes(model, weights, hidden, images, settings, slopes)
    moved, moments = _descend(hidden.free(), slopes, factor, moments, lr, settings, spare)
    return Update(Hidden(*moved), moments, energies, slopes)


def fresh_moments(hidden: Hidden) -> AdamState:
    """The optimiser state at the start of a batch."""
    return fresh_adam(hidden.free())


def blend(hidden: Hidden, images: Tensor, known: Tensor, alpha: float) -> Hidden:
    """The free sensory vode with its known values moved towards the image by ``alpha``.

    Args:
        hidden: the states after an update.
        images: the original images as patches, (B, N, D).
        known: 1 where the image is known, else 0, (B, N, D).
        alpha: 1 restores the known values, 0 leaves them free.
    """
    if hidden.sensory is None:
        return hidden
    return hidden._replace(
        sensory=hidden.sensory + alpha * known * (images - hidden.sensory),
    )


def _slopes(
    model: Model,
    weights: Weights,
    hidden: Hidden,
    images: Tensor,
    settings: Settings,
    slopes: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Put the gradient after layer scaling and norm target in ``slopes``.

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
        top, states, free, energies = gradient(model, folded, hidden.top[part], h, sensory[part])
        if l1 or l2:
            energies[:-1] += penalties(h, settings.penalty)
            states.add_(h.sign(), alpha=l1).add_(h, alpha=2 * l2)
        found = [top[None], states] if hidden.sensory is None else [top[None], states, free[None]]
        norms = torch.cat([torch.linalg.vector_norm(g, dim=(1, 2, 3)) for g in found])
        torch.mul(top, powers[0], out=slopes[0][part])
        torch.mul(states, powers[1:-1].view(-1, 1, 1, 1), out=slopes[1][:, part])
        if hidden.sensory is not None:
            torch.mul(free, powers[-1], out=slopes[2][part])
        return energies, norms

    found = each_part(images, model.architecture.widest, compute)
    energies = torch.stack([energies for energies, _ in found]).sum(0)
    norms = torch.linalg.vector_norm(torch.stack([norms for _, norms in found]), dim=0)
    norms *= powers[: len(norms)]
    if settings.norm_target is not None:
        factors = settings.norm_target / (norms + GRADIENT_NORM_EPS)
        for slope, factor in zip((slopes[0], *slopes[1], *slopes[2:]), factors, strict=True):
            slope *= factor
        norms *= factors
    return energies, clip_factor([norms], settings.clip_norm)


def _descend(
    tensors: Sequence[Tensor],
    slopes: Sequence[Tensor],
    factor: Tensor,
    moments: AdamState,
    lr: float,
    settings: Settings,
    spare: Update | None,
) -> tuple[list[Tensor], AdamState]:
    nothing = [None] * len(tensors)
    if settings.adamw:
        direction = [slope * factor for slope in slopes]
        return adamw(tensors, direction, moments, lr=lr, weight_decay=HIDDEN_WEIGHT_DECAY)
    velocity = [
        torch.mul(m, settings.momentum, out=out).addcmul_(slope, factor)
        for m, slope, out in zip(
            moments.first, slopes, spare.moments.first if spare else nothing, strict=True
        )
    ]
    moved = [
        torch.sub(h, m, alpha=lr, out=out)
        for h, m, out in zip(
            tensors, velocity, spare.hidden.free() if spare else nothing, strict=True
        )
    ]
    return moved, moments._replace(first=velocity)
