"""The progress of a search in a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from searching import write_sweep

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.library import notebook_progress
from pcsearch.library.notebook_progress import NotebookProgress


def test_it_is_shown_anew_after_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = {"seed": {"values": [1, 2]}, "epochs": {"value": 1}}
    sweep = write_sweep(tmp_path / "s.yaml", searched)
    experiment = new_experiment(sweep, Options(storage_path=tmp_path, name="here"))
    outcomes = experiment.outcomes()
    now, shown = [100.0], list[str]()
    monkeypatch.setattr(notebook_progress.time, "monotonic", lambda: now[0])
    progress = NotebookProgress(experiment, outcomes, shown.append)
    progress.on_step_end(1, [])
    assert shown == [
        '<div><progress value="0" max="2"></progress> 0 of 2 trials ended</div>',
    ]
    trial = outcomes.begin("t1", 1, {"seed": 1, "epochs": 1})
    trial.add({"epoch": 1, "best_val_mse": 0.25})
    outcomes.end("t1")
    progress.on_step_end(2, [])
    assert len(shown) == 1
    now[0] += notebook_progress.PAUSE_S
    progress.on_step_end(3, [])
    assert shown[-1] == (
        '<div><progress value="1" max="2"></progress> 1 of 2 trials ended; best so far 0.25 '
        "(best_val_mse, trial 1)</div>"
    )
