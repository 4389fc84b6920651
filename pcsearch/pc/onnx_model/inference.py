"""Inference as ONNX: a loop over its steps, whose turn is one update of the hidden states.

It has the formulas of `pcsearch.pc.model.inference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pcsearch.pc.model.inference import HIDDEN_WEIGHT_DECAY, InferenceSettings
from pcsearch.pc.model.optimisers import BETA1, BETA2, EPSILON
from pcsearch.pc.onnx_model.graph import Value
from pcsearch.pc.onnx_model.layers import Layers


class States(NamedTuple):
    """The hidden states of a batch, as `pcsearch.pc.model.inference.Hidden`."""

    top: Value
    states: Value
    sensory: Value | None = None


class Mask(NamedTuple):
    """Which values of the images are known: 1 there, else 0, (1, N, D); and how they are kept."""

    known: Value
    alpha: float


def infer(
    layers: Layers,
    start: States,
    patches: Value,
    lr: float,
    steps: int,
    settings: InferenceSettings,
    mask: Mask | None = None,
) -> States:
    """The hidden states after inference on a batch.

    Args:
        layers: the model.
        start: the states to start from; the sensory vode is free where it has a state.
        patches: the images, (B, N, D).
        lr: the learning rate of the hidden states.
        steps: T.
        settings: those of the updates, as an evaluation has them: without a norm target.
        mask: what is known of the images, with a free sensory vode.
    """
    assert settings.norm_target is None, "an evaluation has none"
    graph = patches.graph
    tensors = [each for each in start if each is not None]
    # A zero of every shape.
    moments = [each - each for each in tensors] * (2 if settings.adamw else 1)

    def turn(number: Value, before: list[Value]) -> list[Value]:
        free = before[: len(tensors)]
        gradient = _gradient(layers, free, patches, settings)
        if settings.adamw:
            after = _adamw(free, gradient, before[len(tensors) :], number, lr, steps)
        else:
            after = _momentum(free, gradient, before[len(tensors) :], lr, settings.momentum)
        if mask is not None:
            missing = mask.known * (patches - after[2])
            after[2] = after[2] + missing * mask.alpha
        return after

    after = graph.loop(graph.integer(steps), [*tensors, *moments], turn)
    return States(*after[: len(tensors)])


def _gradient(
    layers: Layers, free: Sequence[Value], patches: Value, settings: InferenceSettings
) -> list[Value]:
    """The gradients of the free states, scaled by layer and clipped."""
    top, states, *sensory = free
    gradient = layers.energy_gradient(top, states, sensory[0] if sensory else patches)
    h, (l1, l2) = gradient.states, (settings.penalty.l1, settings.penalty.l2)
    if l1:
        h = h + states.apply("Sign") * l1
    if l2:
        h = h + states * (2 * l2)
    scaled = [gradient.top, h, gradient.sensory][: len(free)]
    if settings.scale_base is not None:
        powers = _powers(layers.count, settings.scale_base)
        scaled = [
            g * patches.graph.constant(power) for g, power in zip(scaled, powers, strict=False)
        ]
    if settings.clip_norm is None:
        return scaled
    total = scaled[0].square().sum()
    for g in scaled[1:]:
        total = total + g.square().sum()
    # A norm of 0 gives infinity, and the minimum 1.
    factor = patches.graph.number(settings.clip_norm) / total.apply("Sqrt")
    factor = factor.apply("Min", patches.graph.number(1))
    return [g * factor for g in scaled]


def _powers(vodes: int, base: float) -> list[np.ndarray]:
    """The factors of the gradients of h_0, of h_1 .. h_{L+1}, (L+1, 1, 1, 1), and of the image."""
    top, *states, sensory = np.float32(base) ** np.arange(vodes, -2, -1, dtype=np.float32)
    return [np.array(top), np.array(states).reshape(-1, 1, 1, 1), np.array(sensory)]


def _momentum(
    free: Sequence[Value],
    gradient: Sequence[Value],
    velocity: Sequence[Value],
    lr: float,
    momentum: float,
) -> list[Value]:
    """One step of gradient descent: the new states and the new velocity."""
    moved = [m * momentum + g for m, g in zip(velocity, gradient, strict=True)]
    return [*(h - m * lr for h, m in zip(free, moved, strict=True)), *moved]


def _adamw(
    free: Sequence[Value],
    gradient: Sequence[Value],
    moments: Sequence[Value],
    number: Value,
    lr: float,
    steps: int,
) -> list[Value]:
    """One step of AdamW, the one of this number from 0: the new states and the new moments."""
    graph, taken = number.graph, np.arange(1, steps + 1)
    correction1, correction2 = (
        graph.constant((1 - beta**taken).astype(np.float32)).at(number) for beta in (BETA1, BETA2)
    )
    old_first, old_second = moments[: len(free)], moments[len(free) :]
    first = [m * BETA1 + g * (1 - BETA1) for m, g in zip(old_first, gradient, strict=True)]
    second = [
        v * BETA2 + g.square() * (1 - BETA2) for v, g in zip(old_second, gradient, strict=True)
    ]
    updated = [
        h * (1 - lr * HIDDEN_WEIGHT_DECAY)
        - m / correction1 / ((v / correction2).apply("Sqrt") + EPSILON) * lr
        for h, m, v in zip(free, first, second, strict=True)
    ]
    return [*updated, *first, *second]
