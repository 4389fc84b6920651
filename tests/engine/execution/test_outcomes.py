"""What became of the trials of a search."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from searching import write_sweep

from pcsearch.engine.execution.outcomes import Record
from pcsearch.engine.experiment.experiment import prepare
from pcsearch.engine.records.options import Options


@pytest.fixture
def record(tmp_path: Path) -> Record:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}})
    experiment = prepare(sweep, Options(storage_path=tmp_path, name="here"))
    experiment.directory.path.mkdir()
    return Record(experiment)


def make_trial(number: int, value: float | None = None) -> Any:
    return SimpleNamespace(
        trial_id=f"t{number}",
        experiment_tag=f"{number}_seed={number}",
        config={"epochs": 9, "seed": number},
        status="TERMINATED",
        last_result={"epoch": 3, "best_val_mse": value},
        stopping_criterion={"epoch": 9},
    )


def end(record: Record, trial: Any) -> None:
    record.on_trial_result(0, [], trial, trial.last_result)
    record.on_trial_complete(0, [], trial)


def test_a_trial_that_the_user_stops_ends_at_its_next_report(record: Record) -> None:
    stopped, other = make_trial(1, 0.5), make_trial(2, 0.5)
    record.stop_by_user(stopped)
    # Tune ends a trial whose report is not below this.
    assert stopped.stopping_criterion == {"epoch": 9, "training_iteration": 0}
    assert not record.ended_by_hand(stopped)
    for trial in (stopped, other):
        end(record, trial)
    assert record.ended_by_hand(stopped)
    assert not record.ended_by_hand(other)
    assert record.status(stopped) == "stopped"


def test_a_trial_that_fails_is_not_stopped_by_the_user(record: Record) -> None:
    trial = make_trial(1)
    record.stop_by_user(trial)
    trial.status = "ERROR"
    record.on_trial_error(0, [], trial)
    assert not record.ended_by_hand(trial)


def test_the_best_trial_is_the_best_of_those_that_have_ended(record: Record) -> None:
    assert record.best_trial() is None
    best = []
    for number, value in ((1, None), (2, 0.5), (3, 0.9), (4, 0.1)):
        end(record, make_trial(number, value))
        found = record.best_trial()
        best.append(None if found is None else found.number)
    assert best == [None, 2, 2, 4]
    running = make_trial(5, 0.01)
    record.on_trial_result(0, [], running, running.last_result)
    found = record.best_trial()
    assert found is not None
    assert found.number == 4
