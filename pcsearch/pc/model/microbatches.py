"""A batch computed a few images at a time, so that their tensors stay in the processor's cache.

How many images make a micro-batch depends only on the shapes and on the kind of device. One thread
computes a micro-batch, and the results are put together in order. So with the same number of
threads the numbers are the same, whatever else the machine does. A batch of any size takes the
memory of a micro-batch, besides its hidden states.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")

MICROBATCH_BYTES = {"cpu": 2**22, "cuda": 2**29}
"""The size of a micro-batch's largest tensor, by the kind of device."""


class Microbatches:
    """Splits batches into micro-batches, and computes these, with several threads on a CPU.

    Args:
        values_per_patch: the most values that one tensor holds for a patch.
    """

    def __init__(self, values_per_patch: int) -> None:
        self._values_per_patch = values_per_patch
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def slices(self, images: Tensor) -> list[slice]:
        """Where the micro-batches of a batch are: images as patches, (B, N, D)."""
        size = MICROBATCH_BYTES.get(images.device.type, MICROBATCH_BYTES["cpu"])
        image = self._values_per_patch * images.shape[1] * images.element_size()
        count = max(1, size // image)
        return [slice(i, min(i + count, len(images))) for i in range(0, len(images), count)]

    def map(self, images: Tensor, compute: Callable[[slice], Result]) -> list[Result]:
        """The results of ``compute`` for each of the `slices`, in order; without autograd.

        Each CPU thread takes whole micro-batches, so the threads wait for each other once. Threads
        that share one matrix product wait at every product, and for long when other processes
        want the cores too.
        """
        slices = self.slices(images)
        threads = torch.get_num_threads() if images.device.type == "cpu" else 1
        compute = torch.no_grad()(compute)
        if threads == 1 or len(slices) == 1:
            return list(map(compute, slices))
        return list(self._pool(threads).map(compute, slices))

    def _pool(self, threads: int) -> ThreadPoolExecutor:
        if threads not in self._pools:
            pool = ThreadPoolExecutor(threads, "microbatches", torch.set_num_threads, (1,))
            self._pools[threads] = pool
        return self._pools[threads]


class Workspace:
    """Tensors for intermediate results, one set a thread, used again at every call.

    To allocate memory takes as long as to fill it. Tensors of a name share the memory of the
    largest of them, so batches of many sizes need no more than the largest batch.
    """

    def __init__(self) -> None:
        # By thread, name, type and device: the memory, and the tensor in it asked for last.
        self._kept: dict[tuple[object, ...], tuple[Tensor, Tensor]] = {}

    def __call__(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """The tensor of a name, with the type and device of ``like``; its values are arbitrary.

        The thread's next call with the name takes its memory, whatever the shape.
        """
        key, shape = (threading.get_ident(), name, like.dtype, like.device), tuple(shape)
        memory, tensor = self._kept.get(key, (None, None))
        if tensor is not None and tensor.shape == shape:
            return tensor
        size = math.prod(shape)
        if memory is None or len(memory) < size:
            memory = torch.empty(size, dtype=like.dtype, device=like.device)
        tensor = memory[:size].view(shape)
        self._kept[key] = memory, tensor
        return tensor
