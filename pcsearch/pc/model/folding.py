"""The weights in the form that the gradient computes with: constant factors folded together.

A linear layer that follows a layer norm takes the norm's gain and offset into its weights. With one
head the scores q k^T = n (W_q^T W_k) n^T, n the normed input, need one product instead of two, and
so do value and output: P (n W_v^T) W_o^T = (P n) (W_v^T W_o^T). The offset of the keys adds the
same number to a row of scores, which the softmax ignores. The scale of the scores and the
constants of the gelu are factors of weights too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.blocks import Blocks, WeightTable
from pcsearch.pc.model.transformer import Model, Weights

GELU_SCALE = 2 * math.sqrt(2 / math.pi)


class Affine(NamedTuple):
    """The map x W + b. W is (in, out); those of the blocks are stacked, their biases too."""

    weight: Tensor
    bias: Tensor


class FoldedWeights(NamedTuple):
    """The weights as the gradient takes them.

    ``patch_projection`` has the positional encoding in its bias, (N, H). ``blocks`` are query,
    (key, value,) out, linear1 and linear2, with key and value only for several heads; it is empty
    for a model without blocks. ``state_norm`` has gains and offsets (L+1, 1, H), or is None.
    ``table`` holds the weights of the blocks for the compiled code, where that computes them.
    """

    patch_projection: Affine
    blocks: tuple[Affine, ...]
    output_projection: Affine
    state_norm: Affine | None
    table: WeightTable | None = None

    def tensors(self) -> list[Tensor]:
        """All tensors, in a fixed order."""
        norm = [] if self.state_norm is None else [self.state_norm]
        layers = (self.patch_projection, *self.blocks, self.output_projection, *norm)
        return [tensor for affine in layers for tensor in affine]

    def zeros(self) -> FoldedWeights:
        """Zeros in the same shapes."""

        def like(affine: Affine) -> Affine:
            return Affine(*(torch.zeros(t.shape, dtype=t.dtype, device=t.device) for t in affine))

        return FoldedWeights(
            like(self.patch_projection),
            tuple(map(like, self.blocks)),
            like(self.output_projection),
            None if self.state_norm is None else like(self.state_norm),
        )


def fold(model: Model, weights: Weights) -> FoldedWeights:
    """The folded weights: a differentiable function of the model's weights."""

    def affine(name: str) -> Affine:
        return Affine(weights[f"{name}.weight"].mT, weights[f"{name}.bias"])

    first, last = affine("patch_projection"), affine("output_projection")
    first = first._replace(bias=first.bias + model.position.to(first.bias))
    norm = None
    if model.architecture.state_norm:
        norm = Affine(*(weights[f"state_norms.{name}"][:, None] for name in ("weight", "bias")))
    if not model.architecture.num_blocks:
        return FoldedWeights(first, (), last, norm)
    blocks, compiled = _fold_blocks(model.architecture, weights), model.compiled
    if compiled is None or not compiled.fits(first.weight):
        return FoldedWeights(first, blocks, last, norm)
    blocks = _pad_blocks(blocks, model.architecture.num_heads, compiled)
    return FoldedWeights(first, blocks, last, norm, compiled.weight_table(blocks))


def unfold(folded: FoldedWeights, gradients: FoldedWeights, weights: Weights) -> Weights:
    """The gradients of the weights, from the gradients of their folded form.

    Args:
        folded: the result of `fold` for ``weights``.
        gradients: the gradients of its tensors.
        weights: leaves of autograd.
    """
    pairs = zip(folded.tensors(), gradients.tensors(), strict=True)
    # Autograd starts from a number: for given gradients torch would load its compiler's symbolic
    # shapes, which takes seconds.
    with torch.enable_grad():
        products = [(one * gradient).sum() for one, gradient in pairs if one.requires_grad]
        total = torch.stack(products)
    unfolded = torch.autograd.grad(total.sum(), list(weights.values()))
    return dict(zip(weights, unfolded, strict=True))


def _fold_blocks(architecture: Architecture, weights: Weights) -> tuple[Affine, ...]:
    def stacked(name: str) -> Tensor:
        return weights[f"blocks.{name}"]

    def after_norm(norm: str, matrix: Tensor) -> Affine:
        gain, offset = stacked(f"{norm}.weight")[:, :, None], stacked(f"{norm}.bias")[:, None, :]
        return Affine(gain * matrix, offset @ matrix)

    query, key, value, out = (
        stacked(f"attention.{name}.weight").mT for name in ("query", "key", "value", "out")
    )
    query = query / math.sqrt(architecture.hidden_size // architecture.num_heads)
    if architecture.num_heads == 1:
        gain = stacked("norm1.weight")[:, None, :]
        scores = after_norm("norm1", query @ key.mT)
        attention: tuple[Affine, ...] = (
            Affine(scores.weight * gain, scores.bias * gain),
            after_norm("norm1", value @ out),
        )
    else:
        projections = [after_norm("norm1", matrix) for matrix in (query, key, value)]
        attention = (*projections, Affine(out, torch.zeros_like(out[:, :1])))
    linear1 = after_norm("norm2", stacked("linear1.weight").mT)
    bias = linear1.bias + stacked("linear1.bias")[:, None]
    return (
        *attention,
        Affine(GELU_SCALE * linear1.weight, GELU_SCALE * bias),
        Affine(stacked("linear2.weight").mT / GELU_SCALE, stacked("linear2.bias")[:, None]),
    )


def _pad_blocks(blocks: tuple[Affine, ...], heads: int, compiled: Blocks) -> tuple[Affine, ...]:
    """The blocks with zeros for the features that fill up the compiled code's vectors."""

    def padded(tensor: Tensor, dimension: int, count: int, size: int) -> Tensor:
        """``count`` groups of features, each filled up to ``size``."""
        groups: Tensor = torch.unflatten(tensor, dimension, (count, -1))
        missing = size - groups.shape[dimension]
        # F.pad counts from the last dimension.
        pad = (0, missing) if dimension == -1 else (0, 0, 0, missing)
        return F.pad(groups, pad).flatten(dimension - 1, dimension)

    def wider(affine: Affine, count: int, size: int) -> Affine:
        return Affine(*(padded(tensor, -1, count, size) for tensor in affine))

    *attention, out, linear1, linear2 = blocks
    if heads > 1:
        attention = [wider(affine, heads, compiled.head) for affine in attention]
        out = out._replace(weight=padded(out.weight, -2, heads, compiled.head))
    linear1 = wider(linear1, 1, compiled.mlp)
    linear2 = linear2._replace(weight=padded(linear2.weight, -2, 1, compiled.mlp))
    return (*attention, out, linear1, linear2)
