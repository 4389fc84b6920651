"""A new search whose session is about to begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from searching import write_sweep

from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.records.options import Options


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {"seed": {"values": [1, 2, 3]}, "epochs": {"value": 9}},
        early_terminate={"type": "hyperband", "min_iter": 2},
    )
    options = Options(storage_path=tmp_path, name="here", seed=7)
    return new_experiment(sweep, options)
