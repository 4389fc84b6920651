"""What docs/from_wandb_sweeps.md says of searches, tried with its own function."""

from __future__ import annotations

from pathlib import Path

import pytest
from offline_runs import read_runs
from pages import blocks
from searching import reports, trial_folders

from pcsearch.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

SWEEP = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters:
  lr: {values: [0.1, 0.2, 0.3]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with W&B's sweep file, and the program as the page changes it."""
    monkeypatch.chdir(tmp_path)
    _, function = blocks("from_wandb_sweeps.md", "python")
    Path("train.py").write_text(f"train_one_epoch = float\n{function}", encoding="utf-8")
    Path("sweep.yaml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def test_one_run_to_debug_becomes_the_whole_search(folder: Path) -> None:
    search = ["sweep.yaml", "--trainable", "train:main", "--name", "here"]
    assert main([*search, "--num-samples", "1", "--wandb", "disabled"]) == 0
    experiment = folder / "pcsearch_results" / "here"
    assert len(trial_folders(experiment)) == 1
    assert main(["--resume", str(experiment), "--num-samples", "3"]) == 0
    trials = trial_folders(experiment)
    assert [len(reports(trial)) for trial in trials] == [10, 10, 10]


def test_two_processes_on_one_sweep_run_everything_twice(folder: Path) -> None:
    search = ["sweep.yaml", "--trainable", "train:main", "--wandb", "offline"]
    for name in ("one", "two"):
        assert main([*search, "--sweep-id", "team/lab/abc", "--name", name]) == 0
    runs = [run for n in ("one", "two") for run in read_runs(folder / "pcsearch_results" / n)]
    assert sorted(run.config["lr"] for run in runs) == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
