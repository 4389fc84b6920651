"""Checkpoints that Tune has deleted and not yet forgotten, and files of reports."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.report_files import ReportFiles
from pcsearch.engine.restoring import Restoring


@dataclass
class Checkpoint:
    path: str
    filesystem: None = None


@dataclass
class Kept:
    checkpoint: Any
    metrics: dict[str, Any]


@dataclass
class FakeTrial:
    path: str
    local_path: str
    local_experiment_path: str
    latest_checkpoint_result: Any = None
    status: str = "PENDING"
    config: dict[str, Any] = field(default_factory=dict)
    given: list[Any] = field(default_factory=list)

    def on_checkpoint(self, result: Any) -> None:
        assert Path(self.latest_checkpoint_result.checkpoint.path).is_dir(), "Tune deletes it"
        self.given.append(result)

    def init_local_path(self) -> None:
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def __hash__(self) -> int:
        return id(self)


@pytest.fixture
def trial(tmp_path: Path) -> FakeTrial:
    for name in ("trial", "tune/trial"):
        (tmp_path / name).mkdir(parents=True)
    recorded = Kept(Checkpoint(str(tmp_path / "trial" / "checkpoint_000004")), {})
    path, local = str(tmp_path / "trial"), str(tmp_path / "tune" / "trial")
    return FakeTrial(path, local, str(tmp_path / "tune"), recorded)


def checkpoints(trial: FakeTrial, *numbers: int) -> None:
    for number in numbers:
        Path(trial.path, f"checkpoint_{number:06d}").mkdir()


def keep_reports(trial: FakeTrial, *numbers: int) -> None:
    lines = [
        json.dumps({"checkpoint_dir_name": f"checkpoint_{n:06d}", "training_iteration": n + 1})
        for n in numbers
    ]
    Path(trial.path, "result.json").write_text("\n".join(lines) + '\n{"torn')


def restore(trial: FakeTrial, folder: Path) -> None:
    restoring = Restoring(folder)
    for iteration in (1, 2):
        restoring.on_step_begin(iteration, [trial])  # type: ignore[list-item]


def test_a_deleted_checkpoint_is_replaced_by_the_one_it_was_deleted_for(
    trial: FakeTrial, tmp_path: Path
) -> None:
    checkpoints(trial, 5, 6)
    keep_reports(trial, 3, 4, 5, 6)
    restore(trial, tmp_path)
    (given,) = trial.given
    assert given.checkpoint.path == str(tmp_path / "trial" / "checkpoint_000005")
    assert given.metrics["training_iteration"] == 6


@pytest.mark.parametrize(
    ("there", "reported", "status"),
    [
        ((4, 5), (4, 5), "PENDING"),
        ((), (4, 5), "PENDING"),
        ((3,), (3, 4, 5), "PENDING"),
        ((5,), (4,), "PENDING"),
        ((5,), (4, 5), "TERMINATED"),
    ],
)
def test_a_trial_that_needs_none_or_has_none_is_left_alone(
    there: tuple[int, ...],
    reported: tuple[int, ...],
    status: str,
    trial: FakeTrial,
    tmp_path: Path,
) -> None:
    checkpoints(trial, *there)
    keep_reports(trial, *reported)
    trial.status = status
    restore(trial, tmp_path)
    assert trial.given == []


def test_a_trial_without_a_checkpoint_begins_anew(trial: FakeTrial, tmp_path: Path) -> None:
    trial.latest_checkpoint_result = None
    restore(trial, tmp_path)
    assert trial.given == []


def test_tune_forgets_the_record_that_is_not_its_own(trial: FakeTrial, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "tune"):
        (folder / "experiment.json").write_text("{}")
    restore(trial, tmp_path)
    assert (tmp_path / "experiment.json").exists()
    assert not (tmp_path / "tune" / "experiment.json").exists()


def test_a_report_is_in_the_trials_folder_at_once_after_whole_lines(trial: FakeTrial) -> None:
    file = Path(trial.path, "result.json")
    file.write_text('{"epoch": 1}\n{"epo')
    reports: Any = ReportFiles()
    reports.log_trial_start(trial)
    reports.log_trial_result(2, trial, {"epoch": 2, "loss": float("nan")})
    assert [json.loads(line)["epoch"] for line in file.read_text().splitlines()] == [1, 2]
    reports.log_trial_end(trial)
    assert json.loads(Path(trial.local_path, "params.json").read_text()) == {}
    assert not Path(trial.local_path, "result.json").exists()
