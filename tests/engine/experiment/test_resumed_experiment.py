"""How a search goes on; `test_editing.py` gives searches other sweep files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from searching import write_sweep

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError

SEEDS = {"seed": {"values": [1, 2, 3]}}


def test_an_experiment_is_resumed_with_its_options_and_the_changes(tmp_path: Path) -> None:
    options = Options(
        storage_path=tmp_path, name="here", num_samples=2, seed=5, overrides={"epochs": 1}
    )
    experiment = new_experiment(write_sweep(tmp_path / "s.yaml", SEEDS), options)
    kept = asdict(options)
    del kept["storage_path"], kept["name"]
    record = {"options": kept, "folder": "/started/there", "tracking": {"wandb": "auto"}}
    experiment.directory.create(experiment.sweep.text, record)

    again, tracking = resumed_experiment(ExperimentDirectory(tmp_path / "here"), {"num_samples": 3})
    assert tracking == {"wandb": "auto"}
    assert again.resumed
    assert again.cap == 3
    assert again.folder == Path("/started/there")
    assert again.options.overrides == {"epochs": 1}
    assert again.max_epochs == 1
    assert again.directory == experiment.directory


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"format": 3}, "the record is damaged (options is missing)"),
        (
            {
                "format": 3,
                "options": {"sed": 1},
                "tracking": {"wandb": "auto"},
                "folder": "/",
                "sweep_sha256": hashlib.sha256(b"").hexdigest(),
            },
            "its record has an unknown option 'sed'",
        ),
        (
            {
                "format": 3,
                "options": {"num_samples": None},
                "tracking": {"wandb": "auto"},
                "folder": "/",
                "sweep_sha256": hashlib.sha256(b"").hexdigest(),
            },
            "the record is damaged (options.num_samples is null)",
        ),
        (
            {"format": 3, "options": {}, "tracking": {"wandb": "auto"}, "folder": "/"},
            "the record is damaged (sweep_sha256 is missing)",
        ),
    ],
)
def test_a_damaged_record_is_told(record: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps(record))
    (tmp_path / "sweep.yaml").touch()
    with pytest.raises(PcsearchError) as caught:
        resumed_experiment(ExperimentDirectory(tmp_path), {})
    assert message in str(caught.value)
