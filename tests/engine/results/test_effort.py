"""What a search has cost: epochs, those that were saved, and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.records.journal.events import Compared
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.results.effort import Effort, effort
from pcsearch.engine.results.findings import findings_at

RUNGS = {"early_terminate": {"type": "hyperband", "min_iter": 1}}


def spent(folder: Path, trials: list[dict[str, Any] | None], **top: Any) -> Effort:
    searched = {"seed": {"values": [1, 2, 3]}, "epochs": {"value": 10}}
    write_experiment(folder / "here", searched, trials, **top)
    Journal(folder / "here").add(Compared("t2", 1, 0.9, True, epoch=1))
    with findings_at(str(folder / "here"), "results") as findings:
        return effort(findings)


def timed(values: list[float], end: float, seconds: float, node: str) -> dict[str, Any]:
    return ended(values, timestamp=end, time_total_s=seconds, hostname=node)


def test_epochs_time_and_machines(tmp_path: Path) -> None:
    """The second trial runs within the first, and the third after a pause."""
    trials = [
        timed([0.5] * 10, 100, 50, "b"),
        timed([0.9], 80, 10, "a"),
        timed([0.4] * 10, 200, 40, "b"),
    ]
    found = spent(tmp_path, trials, **RUNGS)
    assert (found.epochs, found.saved, found.nodes) == (21, 9, ("a", "b"))
    assert found.saved_share == pytest.approx(9 / 30)
    assert (found.trial_seconds, found.wall_seconds) == (100, 90)


def test_without_early_termination_nothing_is_said_to_be_saved(tmp_path: Path) -> None:
    found = spent(tmp_path, [ended([0.5]), ended([0.5]), None])
    assert (found.epochs, found.saved, found.saved_share) == (2, None, None)
    assert (found.trial_seconds, found.wall_seconds, found.nodes) == (0, 0, ())
