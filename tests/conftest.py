from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from compileall import compile_dir
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wandb_server import WandbServer

# Before wandb or ray is imported: tests neither meet a user's account nor report home.
for _name in [name for name in os.environ if name.startswith("WANDB_")]:
    del os.environ[_name]
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A page takes seconds to draw: only the tests that look at it delete this (`pages`).
os.environ["PCSEARCH_NO_REPORT"] = "1"
# Before torch is: more threads than cores that are free only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The tests with the oldest versions do without it.
with suppress(ImportError):
    from hypothesis import settings

    # The same examples every time, and as long as they take on a busy machine.
    settings.register_profile("pcsearch", deadline=None, derandomize=True)
    settings.load_profile("pcsearch")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package once where Python writes no bytecode: each process would do it again."""
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        compile_dir(Path(__file__).parents[1] / "pcsearch", quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the modules, begin with those that take long: the last ones are short."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def heeded_hangup() -> Iterator[None]:
    """SIGHUP is not ignored, as it is where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def cpus() -> int:
    """How many trials `ray_here` runs at once: the process of each takes seconds to start.

    A module in which trials have to run side by side says so with a fixture of its own.
    """
    return 1


@pytest.fixture(scope="module")
def ray_here(cpus: int) -> Iterator[None]:
    """One Ray for the searches of a module in this process: each would start its own."""
    from pcsearch.engine.cluster import connection

    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection, "_init", partial(connection._init, num_cpus=cpus))
            try:
                stack.enter_context(connection.connected(None))
            except Exception as error:
                # Ray gives its own process 30 seconds to start, also on a busy machine.
                if "timed out during startup" not in str(error):
                    raise
                stack.enter_context(connection.connected(None))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_ray_is_left() -> Iterator[None]:
    """A test that leaves Ray running would slow the others and outlive them."""
    yield
    if "ray" in sys.modules:
        assert not sys.modules["ray"].is_initialized()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The searches of a test draw their pages."""
    monkeypatch.delenv("PCSEARCH_NO_REPORT")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files of the processes that a test starts, with a short path."""
    # Ray's agents outlive a driver that was killed, and write while the folder is removed.
    with TemporaryDirectory(prefix="t", dir="/tmp", ignore_cleanup_errors=True) as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        yield Path(name)
        end = time.monotonic() + 60
        while Path(name).exists() and time.monotonic() < end:
            rmtree(name, ignore_errors=True)
            time.sleep(0.02)


@pytest.fixture
def user_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """The stand-in for W&B's server, and a user who has a key for it."""
    from wandb_client import end_client
    from wandb_server import KEY, running

    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    end_client()
    with running() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server
        end_client()
