"""Environment variables for a block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored(*names: str) -> Iterator[None]:
    """Give environment variables the values again, after the block, that they have before it."""
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
