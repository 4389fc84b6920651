"""What a trial changes of its process, and what the next trial finds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
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
            left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        assert (dict(os.environ), list(sys.argv)) == before[:2]
        assert os.umask(0o022) == 0o022
        assert torch.get_default_dtype() == torch.float32
        assert torch.get_num_threads() == 1
        left.wait(10)
        assert not Path(f"/proc/{left.pid}").exists()
    finally:
        os.umask(before[2])


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
