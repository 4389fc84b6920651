"""What a session says at its begin; whole sessions run in `tests/searches`."""

from __future__ import annotations

from pathlib import Path

import pytest
from searching import write_sweep

from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.sessions.session import _describe


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {"seed": {"values": [1, 2, 3]}, "epochs": {"value": 9}},
        early_terminate={"type": "hyperband", "min_iter": 2},
    )
    options = Options(storage_path=tmp_path, name="here", seed=7)
    return new_experiment(sweep, options)


def test_a_search_is_described_in_a_line(experiment: Experiment) -> None:
    assert _describe(experiment) == (
        "here: up to 3 trials, method grid; ASHA after 2, 6 epochs; minimize best_val_mse; seed 7"
    )
