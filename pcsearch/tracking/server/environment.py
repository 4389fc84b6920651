"""Variables of the environment that are for W&B's client in other processes, or in none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

AGENTS = ("WANDB_SWEEP_ID", "WANDB_RUN_ID")
"""By these an agent of a sweep says which run its process is: here every trial is one."""


@contextmanager
def without(names: Iterable[str]) -> Iterator[None]:
    """Take variables out of the environment during the block."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
