from __future__ import annotations

from collections.abc import Iterator

import pytest

from pcsearch.pc.device import using_threads


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The tests' tensors are so small that several threads only wait for each other."""
    with using_threads(1):
        yield
