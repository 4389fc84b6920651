"""What every workload does that says nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.engine.workloads.workload import Workload
from pcsearch.sweeps.sweep import parse_sweep


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    """One that leaves to the interface what it can."""
    return UserFunction("json:loads", tmp_path)


def test_a_checkpoint_is_whole_if_its_folder_is_there(workload: Workload, tmp_path: Path) -> None:
    assert workload.damage(tmp_path) == ""
    assert workload.damage(tmp_path / "gone") == "it is missing"
    (tmp_path / "file").touch()
    assert workload.damage(tmp_path / "file") == "it is missing"


def test_it_needs_nothing_and_has_nothing_to_say(workload: Workload) -> None:
    sweep = parse_sweep("method: grid\nparameters: {x: {value: 1}}", "s.yaml")
    assert workload.worker_packages(sweep) == {}
    assert workload.notes(compiled=True) == ()


def test_a_workload_has_to_say_the_rest() -> None:
    incomplete: Any = type("Incomplete", (Workload,), {})
    with pytest.raises(TypeError, match=r"abstract methods .*trainable"):
        incomplete()
