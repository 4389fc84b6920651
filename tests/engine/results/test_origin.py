"""Where a search comes from, by its record."""

from __future__ import annotations

from pathlib import Path

from old_experiments import ended, write_experiment

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.results.origin import read_origin


def test_the_origin_of_a_search(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2]}}, [ended([0.5])])
    origin = read_origin(ExperimentDirectory(tmp_path / "here"))
    assert (origin.name, origin.seed, origin.folder) == ("here", 0, str(tmp_path))
    assert origin.plan.trials == origin.plan.grid_size == 2
    assert origin.resume == f"python -m pcsearch --resume {tmp_path / 'here'}"
    # The records of some versions do not have them.
    assert origin.versions == {}
