"""`blocks.c` for tensors: subtracts the blocks' predictions, and computes their gradients."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pcsearch.pc.compiled.build import load_library

# Query, key, value, out, linear1 and linear2.
LAYERS = 6
# With one head there is no layer for key and value.
ONE_HEAD_LAYERS = (0, 3, 4, 5)


class _Sizes(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_long)
        for name in (
            "blocks",
            "images",
            "patches",
            "pad",
            "hidden",
            "mlp",
            "heads",
            "size",
            "stride",
        )
    )


class Blocks:
    """The compiled blocks of an architecture.

    Args:
        patches: N.
        hidden: H.
        mlp: the width of the MLP.
        heads: K.

    Raises:
        NoCompilerError: the code cannot be compiled on this machine.
    """

    def __init__(self, patches: int, hidden: int, mlp: int, heads: int) -> None:
        self._library = load_library()
        self._lanes = int(self._library.pc_lanes())
        self._patches, self._hidden, self._heads = patches, hidden, heads
        self.mlp = self._whole_vectors(mlp)
        """The width of the MLP in a `WeightTable`: filled up with zeros to whole vectors."""
        self.head = self._whole_vectors(hidden // heads)
        """The width of a head's query, key and value in a `WeightTable`, filled up the same way."""

    def fits(self, weight: Tensor) -> bool:
        """Whether the code can compute with weights like this, and with this hidden size."""
        single = weight.dtype == torch.float32 and weight.device.type == "cpu"
        return single and not self._hidden % self._lanes

    def _whole_vectors(self, size: int) -> int:
        return -(-size // self._lanes) * self._lanes

    def weight_table(self, layers: Sequence[tuple[Tensor, Tensor]]) -> WeightTable:
        """The weights as `run` takes them.

        Args:
            layers: matrices (L, in, out) and biases (L, 1, out) of query, (key, value,) out,
                linear1 and linear2, with key and value only for several heads.
        """
        return WeightTable(
            [
                (
                    weight.detach().contiguous(),
                    bias.detach().contiguous(),
                    weight.detach().mT.contiguous(),
                )
                for weight, bias in layers
            ]
        )

    def run(
        self,
        table: WeightTable,
        x: Tensor,
        error: Tensor,
        back: Tensor,
        weight_gradients: Sequence[tuple[Tensor, Tensor]] | None,
        constants: tuple[float, float],
    ) -> None:
        """Subtract the predictions from ``error``, and write J^T times the errors to ``back``.

        Args:
            table: the weights.
            x: the blocks' inputs, (L, rows, H).
            error: h - x, (L, rows, H).
            back: (L, rows, H).
            weight_gradients: tensors like the layers of `weight_table`; the gradients are added to
                them. None where they are not needed.
            constants: the layer norm's epsilon, and the gelu's factor of z^3.
        """
        # The code takes whatever memory it gets for floats of this shape.
        for tensor in (x, error, back):
            assert tensor.dtype == torch.float32
            assert tensor.shape == x.shape
        sizes = _Sizes(
            len(x),
            x.shape[1] // self._patches,
            self._patches,
            self._whole_vectors(self._patches),
            self._hidden,
            self.mlp,
            self._heads,
            self.head,
            x.stride(0),
        )
        floats = self._library.pc_workspace_size(ctypes.byref(sizes))
        workspace = torch.empty(floats, dtype=torch.float32)
        sums = None if weight_gradients is None else _pointers(weight_gradients)
        # ctypes releases the interpreter's lock: other threads compute their images meanwhile.
        self._library.pc_blocks(
            ctypes.byref(sizes),
            table.pointers,
            sums,
            *constants,
            *(tensor.data_ptr() for tensor in (x, error, back, workspace)),
        )


class WeightTable:
    """The addresses of each block's weights; it keeps the weights alive."""

    def __init__(self, layers: Sequence[Sequence[Tensor]]) -> None:
        self._layers = layers
        self.pointers = _pointers(layers)


def _pointers(layers: Sequence[Sequence[Tensor]]) -> Any:
    """The addresses of the layers' tensors, block by block; null for layers that are not there."""
    blocks, kinds = len(layers[0][0]), len(layers[0])
    places = range(LAYERS) if len(layers) == LAYERS else ONE_HEAD_LAYERS
    addresses = (ctypes.c_void_p * (blocks * LAYERS * kinds))()
    for place, tensors in zip(places, layers, strict=True):
        for kind, tensor in enumerate(tensors):
            for block in range(blocks):
                addresses[(block * LAYERS + place) * kinds + kind] = tensor[block].data_ptr()
    return addresses
