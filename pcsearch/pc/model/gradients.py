"""The gradient of the energy, written out by hand: no autograd, one pass forward and one back.

With e_i = h_i - u_i the error of vode i and J_i the Jacobian of layer i (which predicts vode i+1
from h_i), the gradient with respect to the hidden states is

    dE/dh_i = e_i - J_i^T e_{i+1} + l1 sign(h_i) + 2 l2 h_i      e_0 = 0, no penalty on h_0

and with respect to the weights W_i of layer i it is -(du_{i+1}/dW_i)^T e_{i+1}. So a layer needs
only its own input and the error above it: all blocks go through the same batched products.

**A block**, with the weights of `pcsearch.pc.model.folding`, on rows x (a patch each). N is the
layer norm without gain and offset; P is computed for each image:

    n = N(x)             q = n A + a         P = softmax(q k^T)      m = P v
    x1 = x + m B + b     z = N(x1) W + w     y = z sigmoid(z + beta z^3)
    e  = h - x - x1 - y V - c                                          (with one head k = v = n)

Here y is gelu_tanh up to constants that W and V hold: gelu_tanh(t) = t sigmoid(2 sqrt(2/pi) (t +
0.044715 t^3)), and z is 2 sqrt(2/pi) t. **Its transposed Jacobian** J^T e: with u the prediction,
dX is the gradient of u^T e with respect to X, and N'(.) the transposed Jacobian of the norm:

    dz  = e V^T * (s + s (1-s) (z + 3 beta z^3))      s = sigmoid(z + beta z^3)
    dx1 = e + N'(dz W^T)        dm = dx1 B^T
    dS  = P * (dm v^T - rowsum(dm * m))               dq = dS k,  dk = dS^T q,  dv = P^T dm
    J^T e = e + dx1 + N'(dq A^T + dk + dv)

The gradients of the folded weights are products of the same terms. Autograd carries them back to
the weights themselves, through the folding alone.

The blocks are written twice: here in torch, for every device and type, and in ``compiled/blocks.c``
for float32 on a CPU. The tests compare both with autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pcsearch.pc.model.folding import GELU_SCALE, Affine, FoldedWeights
from pcsearch.pc.model.microbatches import Workspace
from pcsearch.pc.model.transformer import LAYER_NORM_EPS, Model

MLP_BYTES = {"cpu": 3 * 2**17, "cuda": 2**29}
"""The size of the MLP's tensors, by the kind of device: they stay in the cache of one core."""

GELU_CUBE = 0.044715 / GELU_SCALE**2
"""The factor beta of z^3."""


def energy_gradient(
    model: Model,
    folded: FoldedWeights,
    top: Tensor,
    states: Tensor,
    sensory: Tensor,
    weight_gradients: FoldedWeights | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradient of the energy without penalties, for n images.

    Args:
        model: the layers.
        folded: the weights, from `fold`.
        top: h_0, (n, N, D).
        states: h_1 .. h_{L+1}, (L+1, n, N, H).
        sensory: the sensory vode's state, (n, N, D).
        weight_gradients: tensors like ``folded``; its gradients are added to them. None where they
            are not needed.

    Returns:
        The gradients of ``top``, ``states`` and ``sensory``, and the energies (L+2,) of the vodes
        1 .. L+2. The thread's next call overwrites the gradients.
    """
    h = x = states.flatten(1, 2)
    first, last = folded.patch_projection, folded.output_projection
    if folded.state_norm is not None:
        normed, inverse = _norm(h, model.workspace, "state")
        x = normed * folded.state_norm.weight + folded.state_norm.bias
    error = model.workspace("error", h.shape, h)
    torch.sub(states[0], first.bias, out=error[0].view_as(states[0]))
    error[0].addmm_(top.flatten(0, 1), first.weight, alpha=-1)
    sensory_error = (sensory - last.bias).flatten(0, 1)
    sensory_error.addmm_(x[-1], last.weight, alpha=-1)

    # J^T times the errors, with respect to the layers' inputs x.
    back = model.workspace("back", h.shape, h)
    if folded.blocks:
        torch.sub(h[1:], x[:-1], out=error[1:])
        if folded.table is None or model.compiled is None:
            _blocks(model, folded, x[:-1], error[1:], back[:-1], weight_gradients)
        else:
            sums = None if weight_gradients is None else weight_gradients.blocks
            constants = LAYER_NORM_EPS, GELU_CUBE
            model.compiled.run(folded.table, x[:-1], error[1:], back[:-1], sums, constants)
    torch.mm(sensory_error, last.weight.mT, out=back[-1])
    if weight_gradients is not None:
        _subtract_ends(weight_gradients, top, error[0], x[-1], sensory_error)
    if folded.state_norm is not None:
        if weight_gradients is not None:
            _subtract(weight_gradients.state_norm, back * normed, back)
        back = _norm_back_(back * folded.state_norm.weight, normed, inverse, model.workspace)
    top_gradient = torch.mm(error[0], first.weight.mT).neg_()
    norms = torch.linalg.vector_norm(error, dim=(1, 2))
    energies = torch.cat([norms, torch.linalg.vector_norm(sensory_error)[None]]).square() / 2
    return (
        top_gradient.view_as(top),
        torch.sub(error, back, out=back).view_as(states),
        sensory_error.view_as(sensory),
        energies,
    )


def _blocks(
    model: Model,
    folded: FoldedWeights,
    x: Tensor,
    error: Tensor,
    back: Tensor,
    weight_gradients: FoldedWeights | None,
) -> None:
    """Subtract all blocks' predictions from ``error``, and write J^T times the errors to ``back``.

    ``error`` holds h - x before. All three are (L, rows, H).
    """
    *projections, out, linear1, linear2 = folded.blocks
    workspace, heads = model.workspace, model.architecture.num_heads
    patches, hidden = model.architecture.num_patches, x.shape[-1]
    sequences = (len(x) * x.shape[1] // patches * heads, patches)

    n, inverse = _norm(x, workspace, "norm1")
    projected = [_split_heads(_apply(p, n), heads, patches) for p in projections]
    query, key, value = projected if heads > 1 else (*projected, *[n.view(*sequences, hidden)] * 2)
    narrow = query.shape
    attention = torch.bmm(query, key.mT, out=workspace("attention", (*sequences, patches), x))
    torch.softmax(attention, -1, out=attention)
    head_values = torch.bmm(attention, value, out=workspace("mixed", narrow, x))
    mixed = _join_heads(head_values, x)
    x1 = torch.add(x, out.bias, out=workspace("x1", x.shape, x)).baddbmm_(mixed, out.weight)
    error -= x1
    n1, inverse1 = _norm(x1, workspace, "norm2")
    mlp_gradients = None if weight_gradients is None else weight_gradients.blocks[-2:]
    # x1 is not needed any more: its memory takes the gradient of n1, and then its own.
    _mlp(linear1, linear2, n1, error, x1, workspace, mlp_gradients)
    dx1 = _norm_back_(x1, n1, inverse1, workspace).add_(error)

    dmixed = torch.bmm(dx1, out.weight.mT, out=workspace("dmixed", x.shape, x))
    dmixed = _split_heads(dmixed, heads, patches)
    # rowsum(P * dm v^T), without a product as large as P.
    mean = _row_dots(dmixed, head_values, workspace)
    dscores = workspace("dscores", attention.shape, x)
    torch.baddbmm(mean, dmixed, value.mT, beta=-1, out=dscores).mul_(attention)
    dquery = torch.bmm(dscores, key, out=workspace("dquery", narrow, x))
    dvalue = torch.bmm(attention.mT, dmixed, out=workspace("dvalue", narrow, x))
    if heads == 1:
        dprojected = [_join_heads(dquery, x)]
        dn = _join_heads(dvalue.baddbmm_(dscores.mT, query), x)
    else:
        dkey = torch.bmm(dscores.mT, query)
        dprojected = [_join_heads(d, x) for d in (dquery, dkey, dvalue)]
        dn = torch.zeros_like(x)
    for projection, d in zip(projections, dprojected, strict=True):
        dn.baddbmm_(d, projection.weight.mT)
    torch.add(dx1, error, out=back).add_(_norm_back_(dn, n, inverse, workspace))
    if weight_gradients is not None:
        inputs = [*(n for _ in projections), mixed]
        errors = [*dprojected, dx1]
        for sums, layer_input, d in zip(weight_gradients.blocks, inputs, errors, strict=False):
            _subtract(sums, torch.bmm(layer_input.mT, d), d)


def _mlp(
    linear1: Affine,
    linear2: Affine,
    n: Tensor,
    error: Tensor,
    dn: Tensor,
    workspace: Workspace,
    weight_gradients: tuple[Affine, ...] | None,
) -> None:
    """The MLPs, block by block and some rows at a time, so that the wide tensors stay in cache.

    Subtracts the predictions from ``error`` and writes dz W^T to ``dn``, both (L, rows, H).
    """
    width = linear1.weight.shape[-1]
    size = MLP_BYTES.get(n.device.type, MLP_BYTES["cpu"])
    rows = max(1, size // (width * n.element_size()))
    for block in range(len(n)):
        weight1, weight2 = linear1.weight[block], linear2.weight[block]
        for x, e, dx in zip(
            *(torch.split(tensor[block], rows) for tensor in (n, error, dn)), strict=True
        ):
            wide = workspace("wide", (len(x), width), n)
            torch.addmm(linear1.bias[block], x, weight1, out=wide)
            slope = _gelu_(wide, workspace)
            e.sub_(linear2.bias[block]).addmm_(wide, weight2, alpha=-1)
            if weight_gradients is not None:
                _subtract(Affine(*(t[block] for t in weight_gradients[1])), wide.mT @ e, e)
            torch.mm(e, weight2.mT, out=wide).mul_(slope)
            if weight_gradients is not None:
                _subtract(Affine(*(t[block] for t in weight_gradients[0])), x.mT @ wide, wide)
            torch.mm(wide, weight1.mT, out=dx)


def _subtract_ends(
    weight_gradients: FoldedWeights, top: Tensor, error: Tensor, x: Tensor, sensory_error: Tensor
) -> None:
    """The same as `_subtract` for the projections of the patches and of the output."""
    first, last = weight_gradients.patch_projection, weight_gradients.output_projection
    first.weight.addmm_(top.flatten(0, 1).mT, error, alpha=-1)
    first.bias.sub_(error.view(len(top), -1, error.shape[-1]).sum(0))
    last.weight.addmm_(x.mT, sensory_error, alpha=-1)
    last.bias.sub_(sensory_error.sum(0))


def _subtract(sums: Affine | None, product: Tensor, error: Tensor) -> None:
    """Subtract a layer's gradient from ``sums``: ``product``, and the error's sum over the rows."""
    assert sums is not None
    sums.weight.sub_(product.sum_to_size(sums.weight.shape))
    sums.bias.sub_(error.sum_to_size(sums.bias.shape))


def _apply(affine: Affine, x: Tensor) -> Tensor:
    return torch.baddbmm(affine.bias, x, affine.weight)


def _norm(x: Tensor, workspace: Workspace, name: str) -> tuple[Tensor, Tensor]:
    """The layer norm without gain and offset, and the inverse standard deviations.

    The layer norm of torch takes more than twice as long on rows as short as these.
    """
    size = x.shape[-1]
    normed = torch.sub(x, x.mean(-1, keepdim=True), out=workspace(name, x.shape, x))
    norm = torch.linalg.vector_norm(normed, dim=-1, keepdim=True)
    inverse = norm.square_().div_(size).add_(LAYER_NORM_EPS).rsqrt_()
    return normed.mul_(inverse), inverse


def _norm_back_(d: Tensor, normed: Tensor, inverse: Tensor, workspace: Workspace) -> Tensor:
    """Replace d by the transposed Jacobian of `_norm` times d."""
    along = _row_dots(d, normed, workspace).div_(d.shape[-1])
    d.sub_(d.mean(-1, keepdim=True)).addcmul_(normed, along, value=-1)
    return d.mul_(inverse)


def _row_dots(a: Tensor, b: Tensor, workspace: Workspace) -> Tensor:
    """The inner products of the rows of a and b: (..., n) to (..., 1)."""
    return torch.mul(a, b, out=workspace("product", a.shape, a)).sum(-1, keepdim=True)


def _gelu_(z: Tensor, workspace: Workspace) -> Tensor:
    """Replace z by z sigmoid(z + beta z^3), and return the derivative.

    gelu_tanh of torch and its derivative take more than twice as long on a CPU.
    """
    inner, gate = workspace("inner", z.shape, z), workspace("gate", z.shape, z)
    torch.mul(z, z, out=inner)
    torch.addcmul(z, z, inner, value=GELU_CUBE, out=inner)
    torch.sigmoid(inner, out=gate)
    # z + 3 beta z^3: z times the derivative of the inner part.
    steep = torch.lerp(z, inner, 3.0, out=inner)
    z.mul_(gate)
    steep.addcmul_(steep, gate, value=-1)
    return gate.addcmul_(gate, steep)


def _split_heads(x: Tensor, heads: int, patches: int) -> Tensor:
    """(L, rows, H) as (L * images * heads, N, H / heads)."""
    split = x.view(-1, patches, heads, x.shape[-1] // heads).transpose(1, 2)
    return split.reshape(-1, patches, split.shape[-1])


def _join_heads(x: Tensor, like: Tensor) -> Tensor:
    """The inverse of `_split_heads`, in the shape of ``like``, (L, rows, H)."""
    heads = like.shape[-1] // x.shape[-1]
    return x.view(-1, heads, *x.shape[1:]).transpose(1, 2).reshape(like.shape)
