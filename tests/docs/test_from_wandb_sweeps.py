"""What docs/from_wandb_sweeps.md says of searches, tried with its own function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_runs import read_runs
from pages import blocks
from searching import reports, trial_folders

from pcsearch.command_line.cli import main

pytestmark = pytest.mark.slow

SWEEP = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters:
  lr: {values: [0.1, 0.2, 0.3]}
"""
SEARCH = ("sweep.yaml", "--trainable", "train:main", "--wandb", "offline")
SEARCH += ("--sweep-id", "team/lab/abc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with W&B's sweep file, and the program as the page changes it."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _, function = blocks("from_wandb_sweeps.md", "python")
        Path("train.py").write_text(f"train_one_epoch = float\n{function}", encoding="utf-8")
        Path("sweep.yaml").write_text(SWEEP, encoding="utf-8")
        yield folder


@pytest.fixture(scope="module")
def one(ray_here: None, folder: Path) -> Path:  # noqa: ARG001
    """A search that was tried with one run, and then resumed with all."""
    assert main([*SEARCH, "--name", "one", "--num-samples", "1"]) == 0
    experiment = folder / "pcsearch_results" / "one"
    assert len(trial_folders(experiment)) == 1
    assert main(["--resume", str(experiment), "--num-samples", "3"]) == 0
    return experiment


def test_one_run_to_debug_becomes_the_whole_search(one: Path) -> None:
    assert [len(reports(trial)) for trial in trial_folders(one)] == [10, 10, 10]


def test_two_processes_on_one_sweep_run_everything_twice(one: Path) -> None:
    assert main([*SEARCH, "--name", "two"]) == 0
    runs = [run for each in (one, one.with_name("two")) for run in read_runs(each)]
    assert sorted(run.config["lr"] for run in runs) == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
