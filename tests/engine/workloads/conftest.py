from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcsearch.engine.workloads.imported_function import import_path

MODULE = """
import functools

class Trainer:
    def __init__(self, scale=1):
        self.scale = scale

    def method(self, config):
        return config

    def __call__(self, config):
        return config

    @staticmethod
    def train(config):
        return config

def train(config):
    return {"loss": config["x"]}

number = 3
trainer = Trainer()
ready = functools.partial(lambda scale, config: config, 2)

def with_default(config, seed=0): ...
def variadic(*arguments): ...
def two(config, seed): ...
def none(): ...
def keyword(*, config): ...
async def coroutine(config): ...
async def asynchronous(config):
    yield {}

class Asynchronous:
    async def __call__(self, config): ...

awaited = Asynchronous()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules of a user's, forgotten afterwards."""
    before = set(sys.modules)
    (tmp_path / "theirs.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "wrong.py").write_text("1 / 0\n")
    parsing = "import argparse\nargparse.ArgumentParser().add_argument('--x', required=True)\n"
    (tmp_path / "parsing.py").write_text(f"{parsing}raise SystemExit(2)\n")
    (tmp_path / "talking.py").write_text(
        "import sys\nprint('hello', len(sys.argv))\ntrain = dict\n"
    )
    (tmp_path / "leaving.py").write_text("raise SystemExit('bye')\n")
    with import_path(tmp_path):
        yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
