"""A module of a user's, in the current folder, for searches in the process of the tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def user_module(folder: Path, name: str, text: str) -> Iterator[Path]:
    """Write a module into a folder, which is the current one during the block; then forget it."""
    (folder / f"{name}.py").write_text(text)
    path = list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
    sys.path[:] = path
    sys.modules.pop(name, None)
