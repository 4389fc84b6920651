"""Random generators by purpose: every draw follows from the run's seed and its purpose.

No generator is carried from one batch to the next. So a run restored from a checkpoint draws the
same numbers as a run that never stopped, and an additional evaluation changes no other draw.
"""

from __future__ import annotations

import hashlib

import torch

DATA_SEED = 0
"""The seed of the orders of data sets, which are the same in every run."""


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed (63 bits) that depends on the run's seed and the purpose only."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose: numbers from a CPU are the same for every device."""
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
