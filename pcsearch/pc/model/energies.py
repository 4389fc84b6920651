"""The energy of a PC transformer: half the squared prediction errors, summed over the vodes.

    E = sum_{i=1}^{L+1} [ 1/2 ||h_i - u_i||^2 + l1 ||h_i||_1 + l2 ||h_i||_2^2 ]
        + 1/2 ||x - u_{L+2}||^2

summed over batch, patches and features; h_0 has no energy of its own. u are the predictions of
`pcsearch.pc.model.transformer`, x is the sensory vode's state as patches (the image where it is
clamped).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pcsearch.pc.model.transformer import Model, Weights


@dataclass(frozen=True)
class Penalty:
    """The coefficients l1 and l2 on the hidden states of the vodes 1 .. L+1."""

    l1: float = 0.0
    l2: float = 0.0


def vode_energies(
    model: Model,
    weights: Weights,
    top: Tensor,
    states: Tensor,
    sensory: Tensor,
    penalty: Penalty,
) -> Tensor:
    """The energy of each vode that has one.

    Args:
        model: the layers.
        weights: their weights.
        top: h_0, (B, N, D).
        states: h_1 .. h_{L+1}, (L+1, B, N, H).
        sensory: x as patches, (B, N, D).
        penalty: l1 and l2.

    Returns:
        (L+2,): the energies of the vodes 1 .. L+2; their sum is E.
    """
    predicted, image = model.predictions(weights, top, states)
    errors = 0.5 * (states - predicted).square().sum(dim=(1, 2, 3))
    errors = errors + penalties(states, penalty)
    sensory_error = 0.5 * (sensory - image).square().sum()
    return torch.cat([errors, sensory_error[None]])


def penalties(states: Tensor, penalty: Penalty) -> Tensor:
    """l1 ||h_i||_1 + l2 ||h_i||_2^2 for each of h_1 .. h_{L+1}: (L+1, B, N, H) to (L+1,)."""
    total = states.new_zeros(len(states))
    if penalty.l1:
        total = total + penalty.l1 * states.abs().sum(dim=(1, 2, 3))
    if penalty.l2:
        total = total + penalty.l2 * states.square().sum(dim=(1, 2, 3))
    return total
