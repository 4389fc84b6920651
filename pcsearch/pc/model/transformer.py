"""The PC transformer: its weights, and the prediction of each layer for the vode after it.

The hidden states of one batch are two tensors: the top latent h_0, (B, N, D), and h_1 .. h_{L+1},
stacked to (L+1, B, N, H). Given all of them every prediction depends on one state only, so the L
blocks are computed at once, as batched products over stacked weights:

    u_1     = h_0 W_in^T + b_in + positional encoding
    u_{i+2} = s_i + block_i(s_i),  s_i = LN_i(h_{i+1})  (LN only with the state layer norm)
    u_{L+2} = s_L W_out^T + b_out, as patches
    block(x) = x1 + W2 gelu_tanh(W1 LN2(x1) + b1) + b2,  x1 = x + MHA(LN1(x))
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.model.microbatches import Microbatches, Workspace
from pcsearch.pc.model.patches import positional_encoding
from pcsearch.pc.seeds import generator

Weights = dict[str, Tensor]
"""Tensors by name. Those of the blocks, ``blocks.*``, are stacked: their first dimension is L, and
that of ``state_norms.*`` L+1. Matrices are (out, in)."""

LAYER_NORM_EPS = 1e-5


def weight_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape of every weight, by its name, in their order."""
    hidden, mlp, blocks = architecture.hidden_size, architecture.mlp_size, architecture.num_blocks
    dim = architecture.patch_dim
    shapes: dict[str, tuple[int, ...]] = {
        "patch_projection.weight": (hidden, dim),
        "patch_projection.bias": (hidden,),
        "output_projection.weight": (dim, hidden),
        "output_projection.bias": (dim,),
    }
    if blocks:
        for name in ("query", "key", "value", "out"):
            shapes[f"blocks.attention.{name}.weight"] = (blocks, hidden, hidden)
        shapes["blocks.linear1.weight"] = (blocks, mlp, hidden)
        shapes["blocks.linear1.bias"] = (blocks, mlp)
        shapes["blocks.linear2.weight"] = (blocks, hidden, mlp)
        shapes["blocks.linear2.bias"] = (blocks, hidden)
        for name in ("norm1", "norm2"):
            shapes |= dict.fromkeys(_of_layer(f"blocks.{name}"), (blocks, hidden))
    if architecture.state_norm:
        shapes |= dict.fromkeys(_of_layer("state_norms"), (blocks + 1, hidden))
    return shapes


def _of_layer(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


def init_weights(architecture: Architecture, seed: int) -> Weights:
    """Fresh weights on the CPU: linear layers uniform in +-1/sqrt(fan_in), norms 1 and 0."""
    random = generator(seed, "weights")
    shapes = weight_shapes(architecture)
    weights: Weights = {}
    for name, shape in shapes.items():
        layer, _, part = name.rpartition(".")
        if "norm" in layer:
            weights[name] = torch.full(shape, float(part == "weight"))
        else:
            bound = 1 / math.sqrt(shapes[f"{layer}.weight"][-1])
            weights[name] = (torch.rand(*shape, generator=random) * 2 - 1) * bound
    return weights


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(K, M, in) times (K, out, in): one linear layer for each of the K, giving (K, M, out)."""
    if bias is None:
        return torch.bmm(x, weight.transpose(1, 2))
    return torch.baddbmm(bias[:, None, :], x, weight.transpose(1, 2))


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Layer norm over the features of (K, ..., H); gain and offset are (K, H)."""
    shape = (x.shape[0], *(1,) * (x.ndim - 2), x.shape[-1])
    normed = F.layer_norm(x, (x.shape[-1],), eps=LAYER_NORM_EPS)
    return normed * weight.view(shape) + bias.view(shape)


class Model:
    """The layers of one architecture. It holds no weights: every call gets them.

    Args:
        architecture: the shapes.
        device: where inputs and weights are.
        compiled: the compiled code for the gradient of the blocks; None to compute it in torch.
    """

    def __init__(
        self, architecture: Architecture, device: torch.device, compiled: Blocks | None = None
    ) -> None:
        self.architecture = architecture
        self.compiled = compiled
        self.microbatches = Microbatches(architecture.values_per_patch)
        self.workspace = Workspace()
        self.position = positional_encoding(
            architecture.side, architecture.hidden_size, architecture.theta
        ).to(device)

    def predictions(self, weights: Weights, top: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction of each layer, from the state before it.

        Args:
            weights: the model's weights.
            top: h_0, (B, N, D).
            states: h_1 .. h_{L+1}, (L+1, B, N, H).

        Returns:
            u_1 .. u_{L+1}, (L+1, B, N, H), and u_{L+2} as patches, (B, N, D).
        """
        inputs = self._norm_states(weights, states, slice(None))
        first = self._project_patches(weights, top)[None]
        below = inputs[:-1]
        predicted = first
        if self.architecture.num_blocks:
            blocks = below + self._blocks(weights, below, slice(None))
            predicted = torch.cat([first, blocks])
        return predicted, self._project_output(weights, inputs[-1])

    def feed_forward(self, weights: Weights, top: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden states that equal their predictions, and the image that they predict.

        Args:
            weights: the model's weights.
            top: h_0, (B, N, D).

        Returns:
            h_1 .. h_{L+1}, (L+1, B, N, H), and the reconstruction as patches, (B, N, D).
        """
        states = [self._project_patches(weights, top)]
        for i in range(self.architecture.num_blocks):
            one = slice(i, i + 1)
            x = self._norm_states(weights, states[-1][None], one)
            states.append((x + self._blocks(weights, x, one))[0])
        last = slice(self.architecture.num_blocks, None)
        x = self._norm_states(weights, states[-1][None], last)
        return torch.stack(states), self._project_output(weights, x[0])

    def reconstruct(self, weights: Weights, top: Tensor) -> Tensor:
        """The image that `feed_forward` predicts from h_0, as patches, (B, N, D)."""

        def image(microbatch: slice) -> Tensor:
            return self.feed_forward(weights, top[microbatch])[1]

        return torch.cat(self.microbatches.map(top, image))

    def _project_patches(self, weights: Weights, top: Tensor) -> Tensor:
        projection = F.linear(
            top, weights["patch_projection.weight"], weights["patch_projection.bias"]
        )
        return projection + self.position

    def _project_output(self, weights: Weights, x: Tensor) -> Tensor:
        return F.linear(x, weights["output_projection.weight"], weights["output_projection.bias"])

    def _norm_states(self, weights: Weights, states: Tensor, layers: slice) -> Tensor:
        if not self.architecture.state_norm:
            return states
        gain, offset = weights["state_norms.weight"][layers], weights["state_norms.bias"][layers]
        return _layer_norm(states, gain, offset)

    def _blocks(self, weights: Weights, x: Tensor, layers: slice) -> Tensor:
        """The blocks ``layers``, each applied to its own input: (K, B, N, H) to (K, B, N, H)."""
        w = {
            name.removeprefix("blocks."): tensor[layers]
            for name, tensor in weights.items()
            if name.startswith("blocks.")
        }
        flat = (x.shape[0], -1, x.shape[-1])
        normed = _layer_norm(x, w["norm1.weight"], w["norm1.bias"])
        x1 = x + self._attention(w, normed)
        normed = _layer_norm(x1, w["norm2.weight"], w["norm2.bias"])
        wide = _linear(normed.reshape(flat), w["linear1.weight"], w["linear1.bias"])
        mlp = _linear(F.gelu(wide, approximate="tanh"), w["linear2.weight"], w["linear2.bias"])
        return x1 + mlp.view(x.shape)

    def _attention(self, w: Weights, x: Tensor) -> Tensor:
        blocks, batch, patches, hidden = x.shape
        heads = self.architecture.num_heads
        flat = x.reshape(blocks, batch * patches, hidden)

        def split(name: str) -> Tensor:
            projected = _linear(flat, w[f"attention.{name}.weight"])
            return (
                projected.view(blocks * batch, patches, heads, hidden // heads)
                .transpose(1, 2)
                .reshape(blocks * batch * heads, patches, hidden // heads)
            )

        query, key, value = split("query"), split("key"), split("value")
        # Written out instead of scaled_dot_product_attention: its kernels differ between
        # machines, and at these sizes they are not faster.
        scores = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(hidden // heads)
        mixed = torch.bmm(scores.softmax(dim=-1), value)
        joined = (
            mixed.view(blocks * batch, heads, patches, hidden // heads)
            .transpose(1, 2)
            .reshape(flat.shape)
        )
        return _linear(joined, w["attention.out.weight"]).view(x.shape)
