"""The PC transformer as its definition says it: vode by vode, one patch or block at a time.

Written with torch.nn's own layers and autograd, and with nothing of pcsearch's arithmetic: what
the package computes at once, over stacked weights, is compared with this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.transformer import Architecture, Model, Weights, init_weights

IMAGES = 3


def architecture(**changes: Any) -> Architecture:
    """A tiny architecture of which no two sizes are equal, where they need not be."""
    values: dict[str, Any] = {
        "channels": 2,
        "image_size": 6,
        "patch_size": 2,
        "hidden_size": 12,
        "num_heads": 3,
        "num_blocks": 2,
        "mlp_size": 20,
        "theta": 50.0,
        "state_norm": False,
    }
    return Architecture(**values | changes)


def label(shape: Architecture) -> str:
    """An architecture in the name of a test."""
    norm = " with state norm" if shape.state_norm else ""
    return f"{shape.num_blocks} blocks, {shape.num_heads} heads, {shape.num_patches} patches{norm}"


def model_of(shape: Architecture) -> Model:
    return Model(shape, torch.device("cpu"))


def random_weights(shape: Architecture, seed: int = 0) -> Weights:
    """Weights in double precision in which nothing is 0, the norms' gains and offsets included."""
    random = torch.Generator().manual_seed(seed)
    return {
        name: 0.3 * torch.randn(weight.shape, generator=random, dtype=torch.float64)
        + ("norm" in name and name.endswith("weight"))
        for name, weight in init_weights(shape, seed).items()
    }


def random_hidden(shape: Architecture, seed: int = 1, images: int = IMAGES) -> Hidden:
    random = torch.Generator().manual_seed(seed)
    top = torch.randn(images, shape.num_patches, shape.patch_dim, generator=random)
    size = (shape.num_blocks + 1, images, shape.num_patches, shape.hidden_size)
    states = torch.randn(*size, generator=random)
    return Hidden(top.double(), states.double())


def random_images(shape: Architecture, seed: int = 2, images: int = IMAGES) -> Tensor:
    """Uniform in [0, 1], (B, C, S, S)."""
    random = torch.Generator().manual_seed(seed)
    size = shape.image_size
    return torch.rand(images, shape.channels, size, size, generator=random).double()


def to_patches(images: Tensor, shape: Architecture) -> Tensor:
    """Value by value: patch n at (n // side, n % side); in it row, column, channel."""
    p, channels, side = shape.patch_size, shape.channels, shape.side
    patches = images.new_zeros(len(images), shape.num_patches, shape.patch_dim)
    for n in range(shape.num_patches):
        for row in range(p):
            for column in range(p):
                for channel in range(channels):
                    d = (row * p + column) * channels + channel
                    y, x = (n // side) * p + row, (n % side) * p + column
                    patches[:, n, d] = images[:, channel, y, x]
    return patches


def position(shape: Architecture) -> Tensor:
    """(N, H), float32 as the model holds it."""
    half = shape.hidden_size // 2
    encoding = torch.zeros(shape.num_patches, shape.hidden_size)
    for n in range(shape.num_patches):
        for offset, place in ((0, n // shape.side), (half, n % shape.side)):
            for feature in range(half):
                angle = place * shape.theta ** (-2 * (feature // 2) / half)
                wave = math.cos if feature % 2 else math.sin
                encoding[n, offset + feature] = wave(angle)
    return encoding


def block(shape: Architecture, weights: Weights, i: int, x: Tensor) -> Tensor:
    """block_i of x, (B, N, H), out of torch.nn's LayerNorm, MultiheadAttention and Linear."""
    hidden = shape.hidden_size
    norm1, norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
    attention = nn.MultiheadAttention(hidden, shape.num_heads, bias=False, batch_first=True)
    linear1, linear2 = nn.Linear(hidden, shape.mlp_size), nn.Linear(shape.mlp_size, hidden)
    w = {
        name.removeprefix("blocks."): tensor[i]
        for name, tensor in weights.items()
        if name.startswith("blocks.")
    }

    def call(module: nn.Module, prefix: str, *inputs: Tensor) -> Tensor:
        own = {name: w[f"{prefix}.{name}"] for name, _ in module.named_parameters()}
        return torch.func.functional_call(module, own, inputs)

    def attend(y: Tensor) -> Tensor:
        projections = [w[f"attention.{name}.weight"] for name in ("query", "key", "value")]
        own = {
            "in_proj_weight": torch.cat(projections),
            "out_proj.weight": w["attention.out.weight"],
        }
        inputs = (y, y, y)
        return torch.func.functional_call(attention, own, inputs, {"need_weights": False})[0]

    x1 = x + attend(call(norm1, "norm1", x))
    wide = nn.GELU(approximate="tanh")(call(linear1, "linear1", call(norm2, "norm2", x1)))
    return x1 + call(linear2, "linear2", wide)


def layer_input(shape: Architecture, weights: Weights, i: int, state: Tensor) -> Tensor:
    """s_i, from h_{i+1}."""
    if not shape.state_norm:
        return state
    gain, offset = weights["state_norms.weight"][i], weights["state_norms.bias"][i]
    mean = state.mean(dim=-1, keepdim=True)
    variance = (state - mean).square().mean(dim=-1, keepdim=True)
    return (state - mean) / (variance + 1e-5).sqrt() * gain + offset


def prediction(shape: Architecture, weights: Weights, vode: int, below: Tensor) -> Tensor:
    """U of a vode, 1 .. L+2, from the state of the vode before it; the last one as patches."""
    if vode == 1:
        projected = below @ weights["patch_projection.weight"].T
        return projected + weights["patch_projection.bias"] + position(shape)
    s = layer_input(shape, weights, vode - 2, below)
    if vode == shape.num_blocks + 2:
        return s @ weights["output_projection.weight"].T + weights["output_projection.bias"]
    return s + block(shape, weights, vode - 2, s)


def energies(
    shape: Architecture,
    weights: Weights,
    states: Sequence[Tensor],
    l1: float = 0.0,
    l2: float = 0.0,
) -> list[Tensor]:
    """The energies of the vodes 1 .. L+2, given the states of the vodes 0 .. L+2.

    The last one, the sensory vode's, is given as patches.
    """
    result = []
    for vode in range(1, shape.num_blocks + 3):
        error = states[vode] - prediction(shape, weights, vode, states[vode - 1])
        energy = (error**2).sum() / 2
        if vode < shape.num_blocks + 2:
            energy = energy + l1 * states[vode].abs().sum() + l2 * (states[vode] ** 2).sum()
        result.append(energy)
    return result


def vodes(hidden: Hidden, images: Tensor) -> list[Tensor]:
    """The states of the vodes 0 .. L+2, one by one."""
    return [hidden.top, *hidden.states, images if hidden.sensory is None else hidden.sensory]


def gradients(
    shape: Architecture,
    weights: Weights,
    states: Sequence[Tensor],
    l1: float = 0.0,
    l2: float = 0.0,
) -> list[Tensor]:
    """dE/dh by autograd for each of the vodes 0 .. L+2."""
    leaves = [state.detach().clone().requires_grad_() for state in states]
    total = torch.stack(energies(shape, weights, leaves, l1, l2)).sum()
    return list(torch.autograd.grad(total, leaves))


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """All values in one row."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


def assert_equal_lists(
    actual: Sequence[Tensor],
    expected: Sequence[Tensor],
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> None:
    assert len(actual) == len(expected)
    for i, (one, other) in enumerate(zip(actual, expected, strict=True)):
        torch.testing.assert_close(
            one, other, rtol=rtol, atol=atol, msg=lambda text, i=i: f"tensor {i}: {text}"
        )
