"""The gradient of the energy, written out by hand: no autograd, one pass forward and one back.

With e_i = h_i - u_i the error of vode i and J_i the Jacobian of layer i (which predicts vode i+1
from h_i), the gradient with respect to the hidden states is

    dE/dh_i = e_i - J_i^T e_{i+1} + l1 sign(h_i) + 2 l2 h_i      e_0 = 0, no penalty on h_0

and with respect to the weights W_i of layer i it is -(du_{i+1}/dW_i)^T e_{i+1}. So a layer needs
its own input and the error above it only: all blocks go through the same batched products.

**Folded weights.** A linear layer that follows a layer norm takes the norm's gain and offset into
its weights. With one head the scores q k^T = n (W_q^T W_k) n^T, n the normed input, need one
product instead of two, and so do value and output: P (n W_v^T) W_o^T = (P n) (W_v^T W_o^T). The
offset of the keys adds the same number to a row of scores, which the softmax ignores.

**A block**, on rows x (a patch each), N its norms without gain and offset, per image where P is:

    n = N(x)             q = n A + a         P = softmax(q k^T)      m = P v
    x1 = x + m B + b     z = N(x1) W + w     y = z sigmoid(z + beta z^3)
    e  = h - x - x1 - y V - c                                          (with one head k = v = n)

Here y is gelu_tanh up to constants that W and V hold: gelu_tanh(t) = t sigmoid(2 sqrt(2/pi) (t +
0.044715 t^3)), and z is 2 sqrt(2/pi) t. **Its transposed Jacobian**, dX meaning (dE/dX)^T e with
the sign turned round, so that it starts from e, and N'(.) the norm's:

    dz  = e V^T * (s + s (1-s) (z + 3 beta z^3))      s = sigmoid(z + beta z^3)
    dx1 = e + N'(dz W^T)        dm = dx1 B^T
    dS  = P * (dm v^T - rowsum(P * dm v^T))           dq = dS k,  dk = dS^T q,  dv = P^T dm
    J^T e = e + dx1 + N'(dq A^T + dk + dv)

The gradients of the folded weights are products of the same terms; they are carried back to the
weights themselves by autograd, through the folding alone.

The blocks are written twice: here in torch, for every device and type, and in ``compiled/blocks.c``
for float32 on a CPU. Both are held to autograd by the tests.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from pcsearch.pc.compiled.blocks import Blocks, Table
from pcsearch.pc.model import LAYER_NORM_EPS, Architecture, Model, Weights
from pcsearch.pc.parts import Room

# Rows of the MLP at a time: what is as wide as it stays in a core's own cache.
MLP_BYTES = {"cpu": 3 * 2**17, "cuda": 2**29}
GELU_SCALE = 2 * math.sqrt(2 / math.pi)
GELU_CUBE = 0.044715 / GELU_SCALE**2


class Affine(NamedTuple):
    """x W + b: matrices are (in, out) here; those of the blocks are stacked, their biases too."""

    weight: Tensor
    bias: Tensor


class Folded(NamedTuple):
    """The weights as the products take them; ``blocks`` is empty without blocks.

    ``blocks`` are query, (key, value,) out, linear1 and linear2: key and value with several heads
    only. ``first`` has the positional encoding in its bias, (N, H). ``state_norm`` has gains and
    offsets (L+1, 1, H), or is None. ``table`` has the blocks' once more, where the compiled code
    computes them.
    """

    first: Affine
    blocks: tuple[Affine, ...]
    last: Affine
    state_norm: Affine | None
    table: Table | None = None

    def tensors(self) -> list[Tensor]:
        """All tensors, in a fixed order."""
        norm = [] if self.state_norm is None else [self.state_norm]
        return [t for affine in (self.first, *self.blocks, self.last, *norm) for t in affine]

    def zeros(self) -> Folded:
        """Zeros in the same shapes."""

        def like(affine: Affine) -> Affine:
            return Affine(*(torch.zeros(t.shape, dtype=t.dtype, device=t.device) for t in affine))

        norm = None if self.state_norm is None else like(self.state_norm)
        return Folded(like(self.first), tuple(map(like, self.blocks)), like(self.last), norm)


def fold(model: Model, weights: Weights) -> Folded:
    """The weights of `Folded`: a differentiable function of the model's."""

    def affine(name: str) -> Affine:
        return Affine(weights[f"{name}.weight"].mT, weights[f"{name}.bias"])

    first, last = affine("patch_projection"), affine("output_projection")
    first = first._replace(bias=first.bias + model.position.to(first.bias))
    norm = None
    if model.architecture.state_norm:
        norm = Affine(*(weights[f"state_norms.{name}"][:, None] for name in ("weight", "bias")))
    if not model.architecture.num_blocks:
        return Folded(first, (), last, norm)
    blocks, compiled = _fold_blocks(model.architecture, weights), model.compiled
    if compiled is None or not compiled.fits(first.weight):
        return Folded(first, blocks, last, norm)
    blocks = _fill_up(blocks, model.architecture.num_heads, compiled)
    return Folded(first, blocks, last, norm, compiled.table(blocks))


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


def _fill_up(blocks: tuple[Affine, ...], heads: int, compiled: Blocks) -> tuple[Affine, ...]:
    """The same with zeros for the features that the compiled code has besides."""

    def filled(tensor: Tensor, dimension: int, count: int, size: int) -> Tensor:
        """``count`` groups of features, each filled up to ``size``."""
        apart: Tensor = torch.unflatten(tensor, dimension, (count, -1))
        missing = size - apart.shape[dimension]
        # F.pad counts from the last dimension.
        pad = (0, missing) if dimension == -1 else (0, 0, 0, missing)
        return F.pad(apart, pad).flatten(dimension - 1, dimension)

    def wider(affine: Affine, count: int, size: int) -> Affine:
        return Affine(*(filled(tensor, -1, count, size) for tensor in affine))

    *attention, out, linear1, linear2 = blocks
    if heads > 1:
        attention = [wider(affine, heads, compiled.head) for affine in attention]
        out = out._replace(weight=filled(out.weight, -2, heads, compiled.head))
    linear1 = wider(linear1, 1, compiled.mlp)
    linear2 = linear2._replace(weight=filled(linear2.weight, -2, 1, compiled.mlp))
    return (*attention, out, linear1, linear2)


def unfold(folded: Folded, learned: Folded, weights: Weights) -> Weights:
    """The gradients of the weights that `fold` made ``folded`` of, from those of its tensors."""
    pairs = zip(folded.tensors(), learned.tensors(), strict=True)
    # A number to start from: for given gradients torch would load its compiler's symbolic shapes.
    with torch.enable_grad():
        product = torch.stack([(one * given).sum() for one, given in pairs if one.requires_grad])
    found = torch.autograd.grad(product.sum(), list(weights.values()))
    return dict(zip(weights, found, strict=True))


def gradient(
    model: Model,
    folded: Folded,
    top: Tensor,
    states: Tensor,
    sensory: Tensor,
    learned: Folded | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradient of the energy without penalties, for some images.

    Args:
        model: the layers.
        folded: from `fold`.
        top: h_0, (n, N, D).
        states: h_1 .. h_{L+1}, (L+1, n, N, H).
        sensory: the sensory vode's state, (n, N, D).
        learned: tensors like ``folded`` that its gradients are added to, if they are wanted.

    Returns:
        The gradients of the three, which the thread's next call overwrites, and the energies
        (L+2,) of the vodes 1 .. L+2.
    """
    h = x = states.flatten(1, 2)
    if folded.state_norm is not None:
        normed, mean, deviation = _norm(h, model.room, "state")
        x = normed * folded.state_norm.weight + folded.state_norm.bias
    error = model.room("error", h.shape, h)
    torch.sub(states[0], folded.first.bias, out=error[0].view_as(states[0]))
    error[0].addmm_(top.flatten(0, 1), folded.first.weight, alpha=-1)
    last = (sensory - folded.last.bias).flatten(0, 1)
    last.addmm_(x[-1], folded.last.weight, alpha=-1)

    pushed = model.room("pushed", h.shape, h)
    if folded.blocks:
        torch.sub(h[1:], x[:-1], out=error[1:])
        if folded.table is None or model.compiled is None:
            _blocks(model, folded, x[:-1], error[1:], pushed[:-1], learned)
        else:
            into = None if learned is None else learned.blocks
            constants = LAYER_NORM_EPS, GELU_CUBE
            model.compiled.run(folded.table, x[:-1], error[1:], pushed[:-1], into, constants)
    torch.mm(last, folded.last.weight.mT, out=pushed[-1])
    if learned is not None:
        _learn_ends(learned, top, error[0], x[-1], last)
    if folded.state_norm is not None:
        if learned is not None:
            _learn(learned.state_norm, pushed * normed, pushed)
        pushed = _norm_back(pushed * folded.state_norm.weight, h, mean, deviation)
    top_gradient = torch.mm(error[0], folded.first.weight.mT).neg_()
    norms = torch.linalg.vector_norm(error, dim=(1, 2))
    energies = torch.cat([norms, torch.linalg.vector_norm(last)[None]]).square() / 2
    return (
        top_gradient.view_as(top),
        torch.sub(error, pushed, out=pushed).view_as(states),
        last.view_as(sensory),
        energies,
    )


def _blocks(
    model: Model, folded: Folded, x: Tensor, error: Tensor, pushed: Tensor, learned: Folded | None
) -> None:
    """All blocks: take their predictions off ``error``, write J^T times the errors to ``pushed``.

    ``error`` has h - x in it. All three are (L, rows, H).
    """
    *projections, out, linear1, linear2 = folded.blocks
    room, heads = model.room, model.architecture.num_heads
    patches, hidden = model.architecture.num_patches, x.shape[-1]
    sequences = (len(x) * x.shape[1] // patches * heads, patches)

    n, mean1, deviation1 = _norm(x, room, "norm1")
    projected = [_split(_apply(p, n), heads, patches) for p in projections]
    query, key, value = projected if heads > 1 else (*projected, *[n.view(*sequences, hidden)] * 2)
    narrow = query.shape
    shares = torch.bmm(query, key.mT, out=room("shares", (*sequences, patches), x))
    torch.softmax(shares, -1, out=shares)
    mixed = _join(torch.bmm(shares, value, out=room("mixed", narrow, x)), x)
    x1 = torch.add(x, out.bias, out=room("x1", x.shape, x)).baddbmm_(mixed, out.weight)
    error -= x1
    n1, mean2, deviation2 = _norm(x1, room, "norm2")
    _mlp(linear1, linear2, n1, error, room, None if learned is None else learned.blocks[-2:])
    dx1 = _norm_back(n1, x1, mean2, deviation2).add_(error)

    dmixed = torch.bmm(dx1, out.weight.mT, out=room("dmixed", x.shape, x))
    dmixed = _split(dmixed, heads, patches)
    dscores = torch.bmm(dmixed, value.mT, out=room("dscores", shares.shape, x))
    softmax_back = torch.ops.aten._softmax_backward_data.out
    softmax_back(dscores, shares, -1, x.dtype, grad_input=dscores)
    dquery = torch.bmm(dscores, key, out=room("dquery", narrow, x))
    dvalue = torch.bmm(shares.mT, dmixed, out=room("dvalue", narrow, x))
    if heads == 1:
        dprojected, dn = [_join(dquery, x)], _join(dvalue.baddbmm_(dscores.mT, query), x)
    else:
        dkey = torch.bmm(dscores.mT, query)
        dprojected, dn = [_join(d, x) for d in (dquery, dkey, dvalue)], torch.zeros_like(x)
    for projection, d in zip(projections, dprojected, strict=True):
        dn.baddbmm_(d, projection.weight.mT)
    torch.add(dx1, error, out=pushed).add_(_norm_back(dn, x, mean1, deviation1))
    if learned is not None:
        inputs = [*(n for _ in projections), mixed]
        for into, given, d in zip(learned.blocks, inputs, [*dprojected, dx1], strict=False):
            _learn(into, torch.bmm(given.mT, d), d)


def _mlp(
    linear1: Affine,
    linear2: Affine,
    n: Tensor,
    error: Tensor,
    room: Room,
    learned: tuple[Affine, ...] | None,
) -> None:
    """The MLPs, block by block and some rows at a time, so that the wide tensors stay in cache.

    Takes the predictions off ``error``, (L, rows, H), and puts dz W^T in the place of ``n``.
    """
    width = linear1.weight.shape[-1]
    rows = max(1, MLP_BYTES.get(n.device.type, MLP_BYTES["cpu"]) // (width * n.element_size()))
    for block in range(len(n)):
        weight1, weight2 = linear1.weight[block], linear2.weight[block]
        for given, e in zip(
            torch.split(n[block], rows), torch.split(error[block], rows), strict=True
        ):
            wide = torch.addmm(
                linear1.bias[block], given, weight1, out=room("wide", (len(given), width), n)
            )
            slope = _gelu_(wide, room)
            e.sub_(linear2.bias[block]).addmm_(wide, weight2, alpha=-1)
            if learned is not None:
                _learn(Affine(*(t[block] for t in learned[1])), wide.mT @ e, e)
            torch.mm(e, weight2.mT, out=wide).mul_(slope)
            if learned is not None:
                _learn(Affine(*(t[block] for t in learned[0])), given.mT @ wide, wide)
            torch.mm(wide, weight1.mT, out=given)


def _learn_ends(learned: Folded, top: Tensor, first: Tensor, x: Tensor, last: Tensor) -> None:
    above = first.view(len(top), -1, first.shape[-1])
    learned.first.weight.addmm_(top.flatten(0, 1).mT, first, alpha=-1)
    learned.first.bias.sub_(above.sum(0))
    learned.last.weight.addmm_(x.mT, last, alpha=-1)
    learned.last.bias.sub_(last.sum(0))


def _learn(into: Affine | None, product: Tensor, error: Tensor) -> None:
    """Take a layer's input transposed times the error above it, and the error, off ``into``."""
    assert into is not None
    into.weight.sub_(product.sum_to_size(into.weight.shape))
    into.bias.sub_(error.sum_to_size(into.bias.shape))


def _apply(affine: Affine, x: Tensor) -> Tensor:
    return torch.baddbmm(affine.bias, x, affine.weight)


def _norm(x: Tensor, room: Room, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """The layer norm without gain and offset, the means, and one over the deviations.

    torch's own takes more than twice as long on rows as short as these.
    """
    size = x.shape[-1]
    mean = torch.mean(x, -1, keepdim=True)
    normed = torch.sub(x, mean, out=room(name, x.shape, x))
    norm = torch.linalg.vector_norm(normed, dim=-1, keepdim=True)
    deviation = norm.square_().div_(size).add_(LAYER_NORM_EPS).rsqrt_()
    return normed.mul_(deviation), mean, deviation


def _norm_back(d: Tensor, x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """The transposed Jacobian of `_norm` at x, times d."""
    wanted = [True, False, False]
    back = torch.ops.aten.native_layer_norm_backward
    product: Tensor = back(d, x, (x.shape[-1],), mean, deviation, None, None, wanted)[0]
    return product


def _gelu_(z: Tensor, room: Room) -> Tensor:
    """Replace z by z sigmoid(z + beta z^3), and give the derivative.

    gelu_tanh of torch and its derivative take more than twice as long on a CPU.
    """
    inner, gate = room("inner", z.shape, z), room("gate", z.shape, z)
    torch.mul(z, z, out=inner)
    torch.addcmul(z, z, inner, value=GELU_CUBE, out=inner)
    torch.sigmoid(inner, out=gate)
    # z + 3 beta z^3: z times the derivative of the inner part.
    steep = torch.lerp(z, inner, 3.0, out=inner)
    z.mul_(gate)
    steep.addcmul_(steep, gate, value=-1)
    return gate.addcmul_(gate, steep)


def _split(x: Tensor, heads: int, patches: int) -> Tensor:
    """(L, rows, H) as (L * images * heads, N, H / heads)."""
    split = x.view(-1, patches, heads, x.shape[-1] // heads).transpose(1, 2)
    return split.reshape(-1, patches, split.shape[-1])


def _join(x: Tensor, like: Tensor) -> Tensor:
    """The inverse of `_split`, in the shape of ``like``, (L, rows, H)."""
    heads = like.shape[-1] // x.shape[-1]
    return x.view(-1, heads, *x.shape[1:]).transpose(1, 2).reshape(like.shape)
