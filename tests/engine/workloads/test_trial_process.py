"""What a trial changes of its process, and what the next trial finds."""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from pcsearch.engine.workloads.trial_process import as_at_its_start


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of the tests stays as it is, whatever fails."""
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def start_and_forget() -> int:
    """Start a process that nothing holds; its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pid = process.pid
        del process
    return pid


def test_python_keeps_the_processes_that_nothing_holds() -> None:
    """subprocess._active."""
    pid = start_and_forget()
    kept: list[subprocess.Popen[bytes]] = subprocess._active  # type: ignore[attr-defined]
    (process,) = (each for each in kept if each.pid == pid)
    process.kill()
    process.wait()


def test_what_a_trial_has_changed_is_put_back(tmp_path: Path) -> None:
    before = dict(os.environ), list(sys.argv), os.umask(0o022)
    try:
        with as_at_its_start(tmp_path):
            assert Path.cwd() == tmp_path
            os.environ["ADDED"] = "1"
            os.environ["KEPT"] = "2"
            os.umask(0o077)
            sys.argv = ["mine"]
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(2)
            torch.use_deterministic_algorithms(True)
            os.environ["CUDA_MADE_UP"] = "1"
            left = start_and_forget()
        assert (dict(os.environ), list(sys.argv)) == before[:2]
        assert os.umask(0o022) == 0o022
        assert torch.get_default_dtype() == torch.float32
        assert torch.get_num_threads() == 1
        assert not torch.are_deterministic_algorithms_enabled()
        assert not Path(f"/proc/{left}").exists()
    finally:
        os.umask(before[2])


@pytest.mark.parametrize("ending", [SystemExit, ValueError])
def test_a_process_that_a_stopped_trial_holds_is_ended(
    ending: type[BaseException], tmp_path: Path
) -> None:
    """Tune stops a function by an exception, which holds the function's variables."""

    def train() -> None:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        started.append(process.pid)
        raise ending

    started: list[int] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(ending), as_at_its_start(tmp_path):
            train()
    assert not Path(f"/proc/{started[0]}").exists()


def test_what_holds_for_the_whole_process_is_put_back(tmp_path: Path) -> None:
    streams, limit = (sys.stdin, sys.stdout, sys.stderr), sys.getrecursionlimit()
    method = multiprocessing.get_start_method(allow_none=True)
    for _ in range(2):
        with as_at_its_start(tmp_path), (tmp_path / "out").open("w") as file:
            sys.stdout = sys.stderr = file
            # It raises an error where it is chosen already.
            if method is None:
                multiprocessing.set_start_method("spawn")
            socket.setdefaulttimeout(1.0)
            sys.setrecursionlimit(limit + 10)
            torch.set_float32_matmul_precision("medium")
            torch.autograd.set_detect_anomaly(True)
            torch.backends.cudnn.benchmark = True
        assert (sys.stdin, sys.stdout, sys.stderr) == streams
        assert multiprocessing.get_start_method(allow_none=True) == method
        assert (socket.getdefaulttimeout(), sys.getrecursionlimit()) == (None, limit)
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.is_anomaly_enabled()
        assert not torch.backends.cudnn.benchmark


def test_a_process_that_was_there_goes_on(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with as_at_its_start(tmp_path):
            pass
        assert other.poll() is None
        other.communicate(b"\n")


def test_random_numbers_are_new_for_each_trial(tmp_path: Path) -> None:
    drawn = []
    for _ in range(2):
        with as_at_its_start(tmp_path):
            drawn.append((random.random(), float(np.random.random()), float(torch.rand(()))))
            random.seed(1)
            np.random.seed(1)
            torch.manual_seed(1)
    with as_at_its_start(tmp_path):
        drawn.append((random.random(), float(np.random.random()), float(torch.rand(()))))
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 3


def test_what_ray_and_tune_set_for_a_trial_stays(tmp_path: Path) -> None:
    with as_at_its_start(tmp_path):
        os.environ["TUNE_MADE_UP"] = "1"
    assert os.environ.pop("TUNE_MADE_UP") == "1"


def test_a_trial_that_fails_is_put_back_too(tmp_path: Path) -> None:
    def trial() -> None:
        with as_at_its_start(tmp_path):
            os.environ["ADDED"] = "1"
            raise KeyError

    with pytest.raises(KeyError):
        trial()
    assert "ADDED" not in os.environ


def test_processes_that_a_module_holds_serve_the_next_trial(tmp_path: Path) -> None:
    held: list[subprocess.Popen[bytes]] = []
    with ProcessPoolExecutor(1) as pool:
        for _ in range(2):
            with as_at_its_start(tmp_path):
                assert pool.submit(abs, -1).result(60) == 1
                if not held:
                    command = [sys.executable, "-c", "input()"]
                    held.append(subprocess.Popen(command, stdin=subprocess.PIPE))
                assert held[0].poll() is None
    held[0].communicate(b"\n")


@pytest.mark.parametrize("threads", ["2,1", "", "many", "0"])
def test_any_number_of_threads_in_the_environment_does(
    threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    with as_at_its_start(tmp_path):
        pass
    assert torch.get_num_threads() == (2 if threads == "2,1" else 1)
    torch.set_num_threads(1)
