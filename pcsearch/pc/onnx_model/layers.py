"""The layers as ONNX: the predictions, and the gradient of the energy over the hidden states.

It has the formulas of `pcsearch.pc.model.gradients`, with the same names, and its folded weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.model import folding
from pcsearch.pc.model.gradients import GELU_CUBE
from pcsearch.pc.model.transformer import LAYER_NORM_EPS
from pcsearch.pc.onnx_model.graph import Graph, Value, concatenated


class Gradient(NamedTuple):
    """The gradient of the energy: shaped like h_0, like h_1 .. h_{L+1}, and like the image."""

    top: Value
    states: Value
    sensory: Value


class Layers:
    """The layers of one model.

    Rows are the patches of all images, B * N.

    Args:
        graph: where they are written down.
        architecture: their shapes.
        folded: their weights.
    """

    def __init__(
        self, graph: Graph, architecture: Architecture, folded: folding.FoldedWeights
    ) -> None:
        self._architecture = architecture
        self.count = architecture.num_blocks + 1
        """L+1, how many of the layers predict hidden states."""
        self._first = _Affine.of(graph, folded.patch_projection)
        self._blocks = tuple(_Affine.of(graph, affine) for affine in folded.blocks)
        self._last = _Affine.of(graph, folded.output_projection)
        self._state_norm = None
        if folded.state_norm is not None:
            self._state_norm = [graph.constant(tensor.numpy()) for tensor in folded.state_norm]

    def reconstruct(self, top: Value) -> Value:
        """The image that is predicted from h_0, layer by layer: (B, N, D) to (B, N, D)."""
        shape = self._architecture
        x = self._first(top).reshape(1, -1, shape.hidden_size)
        for number in range(self.count):
            if self._state_norm is not None:
                gain, offset = (each.between(number, number + 1) for each in self._state_norm)
                x = _norm(x)[0] * gain + offset
            if number < shape.num_blocks:
                blocks = [affine.between(number, number + 1) for affine in self._blocks]
                x = _Blocks(shape, 1, blocks, x).prediction
        return self._last(x).reshape(-1, shape.num_patches, shape.patch_dim)

    def energy_gradient(self, top: Value, states: Value, sensory: Value) -> Gradient:
        """The gradient of the energy without penalties.

        Args:
            top: h_0, (B, N, D).
            states: h_1 .. h_{L+1}, (L+1, B, N, H).
            sensory: the sensory vode's state, (B, N, D).
        """
        shape = self._architecture
        count = self.count - 1
        h = x = states.reshape(self.count, -1, shape.hidden_size)
        if self._state_norm is not None:
            gain, offset = self._state_norm
            normed, inverse = _norm(h)
            x = normed * gain + offset
        first_error = h.between(0, 1) - self._first(top).reshape(1, -1, shape.hidden_size)
        errors, back = [first_error], []
        if count:
            blocks = _Blocks(shape, count, self._blocks, x.between(0, count))
            errors.append(h.between(1, self.count) - blocks.prediction)
            back.append(blocks.back(errors[1]))
        sensory_error = sensory.reshape(1, -1, shape.patch_dim) - self._last(
            x.between(count, self.count)
        )
        back.append(self._last.back(sensory_error))
        to_inputs = concatenated(back)
        if self._state_norm is not None:
            to_inputs = _norm_back(to_inputs * gain, normed, inverse)
        patches = (-1, shape.num_patches)
        return Gradient(
            (-self._first.back(first_error)).reshape(*patches, shape.patch_dim),
            (concatenated(errors) - to_inputs).reshape(self.count, *patches, shape.hidden_size),
            sensory_error.reshape(*patches, shape.patch_dim),
        )


class _Affine(NamedTuple):
    """The map x W + b, with W^T, for which the way back asks at every step."""

    weight: Value
    bias: Value
    transposed: Value

    @classmethod
    def of(cls, graph: Graph, affine: folding.Affine) -> _Affine:
        weight, bias = (graph.constant(tensor.numpy()) for tensor in affine)
        axes = range(affine.weight.ndim)
        return cls(weight, bias, weight.transpose(*axes[:-2], axes[-1], axes[-2]))

    def __call__(self, x: Value) -> Value:
        return x @ self.weight + self.bias

    def back(self, error: Value) -> Value:
        """The error times W^T."""
        return error @ self.transposed

    def between(self, start: int, end: int) -> _Affine:
        """The maps of the blocks from ``start`` to ``end``, of those of all blocks."""
        return _Affine(*(value.between(start, end) for value in self))


class _Blocks:
    """The predictions of some blocks from their inputs, and J^T times the errors of these.

    Args:
        shape: of the model.
        count: K, how many blocks.
        weights: of these.
        x: the inputs, (K, rows, H).
    """

    def __init__(
        self,
        shape: Architecture,
        count: int,
        weights: Sequence[_Affine],
        x: Value,
    ) -> None:
        *self._projections, self._out, self._linear1, self._linear2 = weights
        self._count, self._shape = count, shape
        self._n, self._inverse = _norm(x)
        projected = [self._split(projection(self._n)) for projection in self._projections]
        # With one head, key and value are n itself.
        self._query, self._key, self._value = (
            projected if len(projected) > 1 else (*projected, *[self._split(self._n)] * 2)
        )
        self._attention = (self._query @ _swapped(self._key)).apply("Softmax", axis=-1)
        self._mixed = self._attention @ self._value
        x1 = x + self._out(self._join(self._mixed))
        self._n1, self._inverse1 = _norm(x1)
        self._z = self._linear1(self._n1)
        self._cube = self._z * self._z * self._z * GELU_CUBE
        self._gate = (self._z + self._cube).apply("Sigmoid")
        self.prediction = x + x1 + self._linear2(self._z * self._gate)
        """(K, rows, H)."""

    def back(self, error: Value) -> Value:
        """J^T times the errors; both are (K, rows, H)."""
        steep = self._z + self._cube * 3
        slope = self._gate + (self._gate - self._gate * self._gate) * steep
        dz = self._linear2.back(error) * slope
        dx1 = error + _norm_back(self._linear1.back(dz), self._n1, self._inverse1)
        dmixed = self._split(self._out.back(dx1))
        mean = (dmixed * self._mixed).sum(-1)
        dscores = self._attention * (dmixed @ _swapped(self._value) - mean)
        dquery = dscores @ self._key
        dkey = _swapped(dscores) @ self._query
        dvalue = _swapped(self._attention) @ dmixed
        query, *others = self._projections
        dn = query.back(self._join(dquery))
        if others:
            for projection, d in zip(others, (dkey, dvalue), strict=True):
                dn = dn + projection.back(self._join(d))
        else:
            dn = dn + self._join(dkey + dvalue)
        return error + dx1 + _norm_back(dn, self._n, self._inverse)

    def _split(self, x: Value) -> Value:
        """(K, rows, H) as (K * B, heads, N, H / heads)."""
        shape = self._shape
        size = shape.hidden_size // shape.num_heads
        split = x.reshape(-1, shape.num_patches, shape.num_heads, size)
        return split.transpose(0, 2, 1, 3)

    def _join(self, x: Value) -> Value:
        """The inverse of `_split`."""
        return x.transpose(0, 2, 1, 3).reshape(self._count, -1, self._shape.hidden_size)


def _norm(x: Value) -> tuple[Value, Value]:
    """The layer norm without gain and offset, and the inverse standard deviations."""
    centred = x - x.mean(-1)
    inverse = (centred.square().mean(-1) + LAYER_NORM_EPS).apply("Sqrt").apply("Reciprocal")
    return centred * inverse, inverse


def _norm_back(d: Value, normed: Value, inverse: Value) -> Value:
    """The transposed Jacobian of `_norm` times d."""
    return (d - d.mean(-1) - normed * (d * normed).mean(-1)) * inverse


def _swapped(x: Value) -> Value:
    """The last two of four axes swapped."""
    return x.transpose(0, 1, 3, 2)
