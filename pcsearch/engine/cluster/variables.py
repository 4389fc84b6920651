"""Sets environment variables for the length of a block, and puts them back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored(*names: str) -> Iterator[None]:
    """Put environment variables back after the block to their values of before."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable until the block ends."""
    with restored(name):
        os.environ[name] = value
        yield
