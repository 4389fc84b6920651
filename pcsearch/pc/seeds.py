"""Random numbers by purpose: every draw follows from the seed and where it is used.

No generator is carried from one batch to the next. So a run that is restored from a checkpoint
draws what an undisturbed run draws, and an extra evaluation shifts nothing.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed (63 bits) that depends on the run's seed and the purpose, on nothing else."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose; drawn on the CPU, numbers are the same on every device."""
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
