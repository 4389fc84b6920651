"""Where trials of an earlier session go on, and files of reports."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.execution.restore import restore
from pcsearch.engine.execution.result_log import ReportFiles
from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.history import TrialHistory
from pcsearch.engine.records.journal import Ended
from pcsearch.pc.checkpoint import damage


@pytest.fixture
def past(tmp_path: Path) -> TrialHistory:
    (tmp_path / "trial").mkdir()
    return TrialHistory("a", 7, None, tmp_path / "trial")


def checkpoints(past: TrialHistory, *numbers: int) -> None:
    for number in numbers:
        folder = past.folder / f"checkpoint_{number:06d}"
        folder.mkdir()
        with zipfile.ZipFile(folder / "state.pt", "w") as archive:
            archive.writestr("data", bytes(1000))


def keep_reports(past: TrialHistory, *numbers: int) -> None:
    lines = [
        json.dumps({"checkpoint_dir_name": f"checkpoint_{n:06d}", "training_iteration": n + 1})
        for n in numbers
    ]
    (past.folder / "result.json").write_text("\n".join(lines) + '\n{"torn')


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def corrupt(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def test_a_trial_goes_on_from_its_newest_checkpoint_that_was_reported(past: TrialHistory) -> None:
    checkpoints(past, 4, 5, 6)
    keep_reports(past, 3, 4, 5)
    restored = restore(past, damage)
    path, report = restored.checkpoints[-1]
    assert (path.name, report["training_iteration"]) == ("checkpoint_000005", 6)
    assert [path.name for path in restored.discarded] == ["checkpoint_000006"]
    assert restored.note == ""


@pytest.mark.parametrize(
    ("harm", "told"),
    [(truncate, "damaged"), (corrupt, "damaged"), (empty, "damaged"), (Path.unlink, "missing")],
)
def test_of_a_damaged_checkpoint_the_one_before_is_taken_and_told(
    harm: Callable[[Path], None], told: str, past: TrialHistory
) -> None:
    checkpoints(past, 4, 5)
    keep_reports(past, 4, 5)
    harm(past.folder / "checkpoint_000005" / "state.pt")
    restored = restore(past, damage)
    assert [path.name for path, _ in restored.checkpoints] == ["checkpoint_000004"]
    assert [path.name for path in restored.discarded] == ["checkpoint_000005"]
    assert restored.note == (
        f"trial 7: checkpoint_000005: state.pt is {told}; it goes on from checkpoint_000004"
    )


def test_a_trial_without_a_whole_checkpoint_starts_over_and_says_so(past: TrialHistory) -> None:
    checkpoints(past, 5)
    keep_reports(past, 4, 5)
    truncate(past.folder / "checkpoint_000005" / "state.pt")
    restored = restore(past, damage)
    assert restored.checkpoints == ()
    assert restored.note.endswith("state.pt is damaged; it starts over")


def test_a_trial_whose_checkpoints_are_gone_starts_over_and_says_so(past: TrialHistory) -> None:
    keep_reports(past, 4, 5)
    assert restore(past, damage).note == "trial 7: no checkpoint is left; it starts over"


def test_a_trial_that_never_had_one_starts_over(past: TrialHistory) -> None:
    assert (restore(past, damage).checkpoints, restore(past, damage).note) == ((), "")


def test_nothing_is_thrown_away_of_a_trial_that_is_over(past: TrialHistory) -> None:
    checkpoints(past, 4, 5, 6)
    keep_reports(past, 4, 5)
    past.ended = Ended("a", False, [0.5])
    restored = restore(past, damage)
    names = [path.name for path, _ in restored.checkpoints]
    assert names == ["checkpoint_000004", "checkpoint_000005"]
    assert (restored.discarded, restored.note) == ((), "")


class FakeTrial(SearchTrial):
    def __init__(self, folder: Path, staging: Path) -> None:
        self.folder, self.staging = folder, staging
        self.trial_id = "a"
        self.config: dict[str, Any] = {}

    def __hash__(self) -> int:
        return id(self)

    def init_local_path(self) -> None:
        self.staging.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def trial(tmp_path: Path) -> FakeTrial:
    (tmp_path / "trial").mkdir()
    return FakeTrial(tmp_path / "trial", tmp_path / "tune" / "trial")


def epochs(trial: FakeTrial) -> list[int]:
    lines = Path(trial.folder, "result.json").read_text().splitlines()
    return [json.loads(line)["epoch"] for line in lines]


def test_a_report_is_in_the_trials_folder_at_once_after_whole_lines(trial: FakeTrial) -> None:
    Path(trial.folder, "result.json").write_text('{"epoch": 1}\n{"epo')
    reports: Any = ReportFiles(lambda report: report["epoch"])
    reports.log_trial_start(trial)
    reports.log_trial_result(2, trial, {"epoch": 2, "loss": float("nan")})
    assert epochs(trial) == [1, 2]
    reports.log_trial_end(trial)
    assert json.loads(Path(trial.folder, "params.json").read_text()) == {}
    assert not Path(trial.staging, "result.json").exists()


def test_an_epoch_that_is_computed_again_is_there_once(trial: FakeTrial) -> None:
    reports: Any = ReportFiles(lambda report: report["epoch"])
    for first in (1, 3, 2):
        # A trial that is tried again begins after its checkpoint.
        reports.log_trial_start(trial)
        for epoch in range(first, first + 3):
            reports.log_trial_result(epoch, trial, {"epoch": epoch, "run": first})
    assert epochs(trial) == [1, 2, 3, 4, 5]
