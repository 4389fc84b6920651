from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pcsearch.pc.device import computing


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The tests' tensors are so small that several threads only wait for each other."""
    with computing(torch.device("cpu"), 1):
        yield
