"""The folded weights compute what the weights themselves do."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from reference import architecture, label, model_of, position, random_weights
from torch import Tensor

from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.model.folding import Affine, FoldedWeights, fold, unfold
from pcsearch.pc.model.transformer import Architecture, Model, Weights

SHAPES = [
    architecture(num_heads=1),
    architecture(num_heads=3),
    architecture(num_heads=3, state_norm=True),
    architecture(num_blocks=0),
    architecture(num_blocks=0, state_norm=True),
]


def applied(x: Tensor, affine: Affine) -> Tensor:
    return x @ affine.weight + affine.bias


def random(*size: int, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*size, generator=generator, dtype=torch.float64)


def inputs(shape: Architecture) -> Tensor:
    """Inputs of the blocks after the layer norm, without its gain and offset, (L, N, H)."""
    size = (shape.num_blocks, shape.num_patches, shape.hidden_size)
    return F.layer_norm(random(*size), size[-1:])


def normed(weights: Weights, norm: str, n: Tensor) -> Tensor:
    gain, offset = (weights[f"blocks.{norm}.{part}"][:, None] for part in ("weight", "bias"))
    return n * gain + offset


def projected(weights: Weights, name: str, x: Tensor) -> Tensor:
    return x @ weights[f"blocks.attention.{name}.weight"].mT


def test_one_head_attends_as_before_with_half_the_products() -> None:
    shape = architecture(num_heads=1)
    weights = random_weights(shape)
    folded = fold(model_of(shape), weights)
    assert len(folded.blocks) == 4
    query, out = folded.blocks[:2]
    n = inputs(shape)
    attention = random(shape.num_blocks, shape.num_patches, shape.num_patches).softmax(dim=-1)
    x = normed(weights, "norm1", n)
    scores = projected(weights, "query", x) @ projected(weights, "key", x).mT
    expected = (scores / math.sqrt(shape.hidden_size)).softmax(dim=-1)
    torch.testing.assert_close((applied(n, query) @ n.mT).softmax(dim=-1), expected)
    mixed = attention @ projected(weights, "value", x)
    torch.testing.assert_close(applied(attention @ n, out), projected(weights, "out", mixed))


def test_several_heads_get_their_projections() -> None:
    shape = architecture(num_heads=3)
    weights = random_weights(shape)
    query, key, value, out, _, _ = fold(model_of(shape), weights).blocks
    n = inputs(shape)
    x = normed(weights, "norm1", n)
    scale = math.sqrt(shape.hidden_size / 3)
    torch.testing.assert_close(applied(n, query), projected(weights, "query", x) / scale)
    torch.testing.assert_close(applied(n, key), projected(weights, "key", x))
    torch.testing.assert_close(applied(n, value), projected(weights, "value", x))
    torch.testing.assert_close(applied(n, out), projected(weights, "out", n))


@pytest.mark.parametrize("heads", [1, 3])
def test_the_mlp_takes_the_norm_and_the_constants_of_the_gelu(heads: int) -> None:
    shape = architecture(num_heads=heads)
    weights = random_weights(shape)
    *_, linear1, linear2 = fold(model_of(shape), weights).blocks
    n = inputs(shape)
    w = {name: weights[f"blocks.{name}"] for name in ("linear1.weight", "linear2.weight")}
    b = {name: weights[f"blocks.{name}"][:, None] for name in ("linear1.bias", "linear2.bias")}
    wide = normed(weights, "norm2", n) @ w["linear1.weight"].mT + b["linear1.bias"]
    expected = F.gelu(wide, approximate="tanh") @ w["linear2.weight"].mT + b["linear2.bias"]
    # gelu(z) = z sigmoid(2 sqrt(2 / pi) (z + 0.044715 z^3)), of which y has the factor.
    factor = 2 * math.sqrt(2 / math.pi)
    y = applied(n, linear1)
    gate = torch.sigmoid(y + 0.044715 * y**3 / factor**2)
    torch.testing.assert_close(applied(y * gate, linear2), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=label)
def test_the_layers_around_the_blocks_are_there(shape: Architecture) -> None:
    weights = random_weights(shape)
    folded = fold(model_of(shape), weights)
    places = position(shape).double() + weights["patch_projection.bias"]
    torch.testing.assert_close(folded.patch_projection.bias, places)
    assert torch.equal(folded.output_projection.weight, weights["output_projection.weight"].mT)
    assert bool(folded.blocks) == bool(shape.num_blocks)
    assert folded.table is None
    assert (folded.state_norm is not None) == shape.state_norm
    if folded.state_norm is not None:
        assert folded.state_norm.weight.shape == (shape.num_blocks + 1, 1, shape.hidden_size)


@pytest.mark.parametrize("shape", SHAPES, ids=label)
def test_zeros_have_the_same_shapes(shape: Architecture) -> None:
    folded = fold(model_of(shape), random_weights(shape))
    zeros = folded.zeros()
    assert zeros._fields == folded._fields
    for zero, tensor in zip(zeros.tensors(), folded.tensors(), strict=True):
        assert (zero.shape, zero.dtype, zero.any()) == (tensor.shape, tensor.dtype, False)


@pytest.mark.parametrize("shape", SHAPES, ids=label)
def test_gradients_come_back_to_the_weights(shape: Architecture) -> None:
    """By the change of a sum over the folded weights when the weights move a little."""
    model, weights = model_of(shape), random_weights(shape)
    leaves = {name: tensor.requires_grad_() for name, tensor in weights.items()}
    folded = fold(model, leaves)
    parts = [Affine(random(*w.shape, seed=1), random(*b.shape, seed=2)) for w, b in layers(folded)]
    first, *blocks, last = parts[: len(folded.blocks) + 2]
    norm = parts[-1] if shape.state_norm else None
    gradients = FoldedWeights(first, tuple(blocks), last, norm)
    unfolded = unfold(folded, gradients, leaves)
    assert unfolded.keys() == weights.keys()
    direction = {name: random(*tensor.shape, seed=3) for name, tensor in weights.items()}

    def total(step: float) -> float:
        moved = {name: w.detach() + step * direction[name] for name, w in weights.items()}
        pairs = zip(fold(model, moved).tensors(), gradients.tensors(), strict=True)
        return sum(float((one * other).sum()) for one, other in pairs)

    slope = sum(float((unfolded[name] * direction[name]).sum()) for name in weights)
    assert slope == pytest.approx((total(1e-4) - total(-1e-4)) / 2e-4, rel=1e-6)


def layers(folded: FoldedWeights) -> list[Affine]:
    """In the order of `FoldedWeights.tensors`."""
    norm = [] if folded.state_norm is None else [folded.state_norm]
    return [folded.patch_projection, *folded.blocks, folded.output_projection, *norm]


@pytest.mark.parametrize("heads", [1, 3])
def test_for_the_compiled_code_features_are_filled_up_with_zeros(heads: int) -> None:
    shape = architecture(hidden_size=48, num_heads=heads, mlp_size=21)
    weights = {name: tensor.float() for name, tensor in random_weights(shape).items()}
    compiled = Blocks(shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads)
    plain = fold(model_of(shape), weights)
    padded = fold(Model(shape, torch.device("cpu"), compiled), weights)
    assert padded.table is not None
    *attention, out, linear1, linear2 = padded.blocks
    wide = (linear1.weight, linear1.bias, linear2.weight.mT)
    assert {tensor.shape[-1] for tensor in wide} == {compiled.mlp}
    assert all(not tensor[..., shape.mlp_size :].any() for tensor in wide)
    if heads > 1:
        joined = [*attention, out._replace(weight=out.weight.mT)]
        assert {layer.weight.shape[-1] for layer in joined} == {heads * compiled.head}
    # Without the zeros they are the same.
    assert compiled.mlp > shape.mlp_size
    for one, other in zip(padded.tensors(), plain.tensors(), strict=True):
        assert torch.equal(one[one != 0], other[other != 0])


def test_what_the_compiled_code_cannot_compute_is_not_filled_up() -> None:
    shape = architecture(hidden_size=48)
    compiled = Blocks(shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads)
    # In double precision.
    folded = fold(Model(shape, torch.device("cpu"), compiled), random_weights(shape))
    assert folded.table is None
    assert folded.blocks[-1].weight.shape[1] == shape.mlp_size
