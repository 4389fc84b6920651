"""`blocks.c` for tensors: the blocks' predictions, transposed Jacobians and learning."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pcsearch.pc.compiled.build import loaded

# Query, key, value, out, linear1 and linear2.
LAYERS = 6
ONE_HEAD = (0, 3, 4, 5)


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
        heads: of the attention.

    Raises:
        NoCompilerError: they cannot be compiled here.
    """

    def __init__(self, patches: int, hidden: int, mlp: int, heads: int) -> None:
        self._library = loaded()
        self._lanes = int(self._library.pc_lanes())
        self._patches, self._hidden, self._heads = patches, hidden, heads
        self.mlp = self._whole(mlp)
        """The width of the MLP as the weights of `table` have to have it, filled up with zeros."""
        self.head = self._whole(hidden // heads)
        """The same of a head's query, key and value."""

    def fits(self, weight: Tensor) -> bool:
        """Whether they take such weights, and H: the hidden states have to be whole vectors."""
        single = weight.dtype == torch.float32 and weight.device.type == "cpu"
        return single and not self._hidden % self._lanes

    def _whole(self, size: int) -> int:
        return -(-size // self._lanes) * self._lanes

    def table(self, layers: Sequence[tuple[Tensor, Tensor]]) -> Table:
        """The weights as `run` takes them.

        Args:
            layers: matrices (L, in, out) and biases (L, 1, out) of query, (key, value,) out,
                linear1 and linear2: key and value with several heads only.
        """
        each = [
            (
                weight.detach().contiguous(),
                bias.detach().contiguous(),
                weight.detach().mT.contiguous(),
            )
            for weight, bias in layers
        ]
        return Table(each)

    def run(
        self,
        table: Table,
        x: Tensor,
        error: Tensor,
        pushed: Tensor,
        learned: Sequence[tuple[Tensor, Tensor]] | None,
        constants: tuple[float, float],
    ) -> None:
        """Take the predictions off ``error``; write J^T times the errors to ``pushed``.

        Args:
            table: the weights.
            x: the blocks' inputs, (L, rows, H).
            error: has h - x in it, (L, rows, H).
            pushed: (L, rows, H).
            learned: tensors like the layers of `table`, which their gradients are added to.
            constants: the layer norm's epsilon, and gelu's factor of z^3.
        """
        for tensor in (x, error, pushed):
            assert tensor.dtype == torch.float32, "C takes what it is given for floats"
            assert tensor.shape == x.shape, "and for tensors of one shape"
        sizes = _Sizes(
            len(x),
            x.shape[1] // self._patches,
            self._patches,
            self._whole(self._patches),
            self._hidden,
            self.mlp,
            self._heads,
            self.head,
            x.stride(0),
        )
        room = torch.empty(self._library.pc_room(ctypes.byref(sizes)), dtype=torch.float32)
        into = None if learned is None else _pointers(learned)
        # ctypes lets go of the interpreter's lock: other threads compute their images meanwhile.
        self._library.pc_blocks(
            ctypes.byref(sizes),
            table.pointers,
            into,
            *constants,
            *(tensor.data_ptr() for tensor in (x, error, pushed, room)),
        )


class Table:
    """Where the weights of each block are; it keeps them there."""

    def __init__(self, layers: Sequence[Sequence[Tensor]]) -> None:
        self._layers = layers
        self.pointers = _pointers(layers)


def _pointers(layers: Sequence[Sequence[Tensor]]) -> Any:
    """For each block the places of its layers' tensors, none where one head has no such layer."""
    blocks, kinds = len(layers[0][0]), len(layers[0])
    places = range(LAYERS) if len(layers) == LAYERS else ONE_HEAD
    found = (ctypes.c_void_p * (blocks * LAYERS * kinds))()
    for place, tensors in zip(places, layers, strict=True):
        for kind, tensor in enumerate(tensors):
            for block in range(blocks):
                found[(block * LAYERS + place) * kinds + kind] = tensor[block].data_ptr()
    return found
