"""The device of a run, and its number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pcsearch.errors import PcsearchError


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is a GPU, else the CPU.

    Raises:
        PcsearchError: there is no such CUDA device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    # Checked here, as torch reads cuda:200 as cuda:-56.
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise PcsearchError(
            f"device: {name} is not there; torch sees {torch.cuda.device_count()} CUDA devices"
        )
    return torch.device(kind, int(index)) if index else torch.device(kind)


def moved(value: Any, device: torch.device) -> Any:
    """A tensor, or dicts and lists of them, moved to ``device``; any other value unchanged."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [moved(item, device) for item in value]
    return value


@contextmanager
def computing(device: torch.device, threads: int) -> Iterator[None]:
    """Use this number of CPU threads, and deterministic algorithms, within the block."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(threads)
    if device.type == "cuda":
        # cuBLAS reads it at its first use; without it the order of its sums varies.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # torch.use_deterministic_algorithms would load torch's compiler, which takes seconds.
        torch.set_deterministic_debug_mode("warn")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
