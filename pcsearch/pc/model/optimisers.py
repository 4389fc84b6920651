"""Gradient clipping and AdamW as pure functions, for weights and hidden states alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class AdamState(NamedTuple):
    """The running means of the gradients and of their squares, and the steps taken."""

    first: list[Tensor]
    second: list[Tensor]
    step: int


def fresh_adam(parameters: Sequence[Tensor]) -> AdamState:
    """AdamW's state before its first step."""
    zeros = [torch.zeros_like(parameter) for parameter in parameters]
    return AdamState(zeros, [zero.clone() for zero in zeros], 0)


def adamw(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    state: AdamState,
    *,
    lr: float,
    weight_decay: float,
) -> tuple[list[Tensor], AdamState]:
    """One step of AdamW (Loshchilov and Hutter, 2019), the decay decoupled and scaled by lr.

    Args:
        parameters: tensors of any shapes.
        gradients: one for each of them, of its shape.
        state: the state after the last step.
        lr: the learning rate.
        weight_decay: the decay of every parameter.

    Returns:
        The new parameters and the new state; nothing is changed in place.
    """
    step = state.step + 1
    correction1, correction2 = 1 - BETA1**step, 1 - BETA2**step
    first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(state.first, gradients, strict=True)]
    second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(state.second, gradients, strict=True)]
    updated = [
        p * (1 - lr * weight_decay) - lr * (m / correction1) / ((v / correction2).sqrt() + EPSILON)
        for p, m, v in zip(parameters, first, second, strict=True)
    ]
    return updated, AdamState(first, second, step)


def clip_factor(tensors: Sequence[Tensor], limit: float | None) -> Tensor:
    """The factor, a scalar, that brings the joint L2 norm of tensors down to ``limit`` at most."""
    if limit is None:
        return tensors[0].new_ones(())
    norms = torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors])
    # A norm of 0 gives infinity, and the clamp 1: the host need not look at the norm.
    factor: Tensor = (limit / torch.linalg.vector_norm(norms)).clamp(max=1.0)
    return factor


def clip_by_global_norm(tensors: Sequence[Tensor], limit: float | None) -> list[Tensor]:
    """The tensors, scaled down together so that their joint L2 norm is at most ``limit``."""
    factor = clip_factor(tensors, limit)
    return [tensor * factor for tensor in tensors]
