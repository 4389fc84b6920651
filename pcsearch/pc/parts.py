"""A batch a few images at a time, few enough for what they need to stay in the processor's cache.

How many images make a part depends on the shapes and the kind of device only, a part is computed by
one thread, and what parts give is put together in their order: so with the same number of threads
the numbers are the same whatever the load. Only the norms of whole gradients join the images of a
batch, so a batch of any size takes the memory of a part, besides its states.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")

PART_BYTES = {"cpu": 2**22, "cuda": 2**29}


def parts(images: Tensor, widest: int) -> list[slice]:
    """The images of a batch, (B, N, D), a part at a time.

    Args:
        images: the batch.
        widest: the most values that anything has for a patch.
    """
    room = PART_BYTES.get(images.device.type, PART_BYTES["cpu"])
    size = max(1, room // (widest * images.shape[1] * images.element_size()))
    return [slice(i, min(i + size, len(images))) for i in range(0, len(images), size)]


def each_part(images: Tensor, widest: int, compute: Callable[[slice], Result]) -> list[Result]:
    """What ``compute`` gives for each of the `parts`, in their order, without autograd.

    With several CPU threads, each takes whole parts: so they wait for each other once. Threads
    that share a product wait at every one, and long when other processes want the cores too.
    """
    slices = parts(images, widest)
    threads = torch.get_num_threads() if images.device.type == "cpu" else 1
    compute = torch.no_grad()(compute)
    if threads == 1 or len(slices) == 1:
        return list(map(compute, slices))
    return list(_pool(threads).map(compute, slices))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "parts", torch.set_num_threads, (1,))


class Room:
    """Tensors to compute in, made once a thread: fresh memory costs as much as filling it."""

    def __init__(self) -> None:
        self._tensors: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """The tensor of that name, with the type and device of ``like`` and anything in it."""
        key = (threading.get_ident(), name, *shape, like.dtype, like.device)
        if key not in self._tensors:
            self._tensors[key] = torch.empty(tuple(shape), dtype=like.dtype, device=like.device)
        return self._tensors[key]
