"""The file of a trial's reports: each epoch once, and at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcsearch.engine.execution.result_log import ResultLog
from pcsearch.engine.execution.trial import SearchTrial
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.storage.files import TAIL_BYTES
from pcsearch.sweeps.metrics import Metric


class FakeTrial(SearchTrial):
    def __init__(self, folder: Path, staging: Path) -> None:
        self.folder, self.staging = folder, staging
        self.trial_id = "a"
        self.config: dict[str, Any] = {}
        self.outcome = TrialOutcome("a", (Metric("run", "minimize"),))

    def __hash__(self) -> int:
        return id(self)

    def init_local_path(self) -> None:
        self.staging.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def trial(tmp_path: Path) -> FakeTrial:
    (tmp_path / "trial").mkdir()
    return FakeTrial(tmp_path / "trial", tmp_path / "tune" / "trial")


@pytest.fixture
def reports(trial: FakeTrial) -> Iterator[Any]:
    log: Any = ResultLog(lambda report: report["epoch"])
    yield log
    log.log_trial_end(trial)


def epochs(trial: FakeTrial) -> list[int]:
    lines = Path(trial.folder, "result.json").read_text().splitlines()
    return [json.loads(line)["epoch"] for line in lines]


def test_a_report_is_in_the_trials_folder_at_once_after_whole_lines(
    trial: FakeTrial, reports: Any
) -> None:
    Path(trial.folder, "result.json").write_text('{"epoch": 1}\n{"epo')
    reports.log_trial_start(trial)
    reports.log_trial_result(2, trial, {"epoch": 2, "loss": float("nan")})
    assert epochs(trial) == [1, 2]
    reports.log_trial_end(trial)
    assert json.loads(Path(trial.folder, "params.json").read_text()) == {}
    assert not Path(trial.staging, "result.json").exists()


def test_an_epoch_that_is_computed_again_is_there_once(trial: FakeTrial, reports: Any) -> None:
    for first in (1, 3, 2):
        # A trial that is tried again begins after its checkpoint.
        reports.log_trial_start(trial)
        for epoch in range(first, first + 3):
            reports.log_trial_result(epoch, trial, {"epoch": epoch, "run": first})
    assert epochs(trial) == [1, 2, 3, 4, 5]


def test_a_program_that_is_started_again_has_the_reports_of_its_last_start(
    trial: FakeTrial,
) -> None:
    log: Any = ResultLog(lambda report: int(report["epoch"]), replaces=True)
    for value, reported in enumerate((4, 2, 0)):
        log.log_trial_start(trial)
        for epoch in range(1, reported + 1):
            report = {"epoch": epoch, "run": value}
            # As Tune does, with the trial first.
            trial.outcome.add(report)
            log.log_trial_result(epoch, trial, report)
        log.log_trial_end(trial)
    # The one that has not reported has removed nothing.
    assert epochs(trial) == [1, 2]
    lines = Path(trial.folder, "result.json").read_text().splitlines()
    assert {json.loads(line)["run"] for line in lines} == {1}
    assert trial.outcome.values == (1,)
    assert trial.outcome.curve == [(1, 1), (2, 1)]


def test_a_program_that_goes_on_replaces_what_it_reports_again(trial: FakeTrial) -> None:
    log: Any = ResultLog(lambda report: int(report["epoch"]), replaces=True)
    for first, last in ((1, 5), (4, 6), (9, 9)):
        log.log_trial_start(trial)
        for epoch in range(first, last + 1):
            log.log_trial_result(epoch, trial, {"epoch": epoch, "run": first})
        log.log_trial_end(trial)
    assert epochs(trial) == [1, 2, 3, 4, 5, 6, 9]
    lines = Path(trial.folder, "result.json").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == [1, 1, 1, 4, 4, 4, 9]


def test_a_report_is_written_as_it_was_made(trial: FakeTrial, reports: Any) -> None:
    reports.log_trial_start(trial)
    report = {"epoch": 1, "loss": {"a": 1, "b": {"c": 2}}, "config": {"x": 3}}
    text = json.dumps(report)
    reports.log_trial_result(1, trial, report)
    assert Path(trial.folder, "result.json").read_text() == f"{text}\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (Decimal("1.5"), 1.5),
        ({1, 2} - {2}, "{1}"),
        (Path("x"), "x"),
        (b"3", "b'3'"),
    ],
)
def test_what_json_does_not_know_is_written_as_a_number_a_list_or_a_text(
    value: Any, written: Any, trial: FakeTrial, reports: Any
) -> None:
    reports.log_trial_start(trial)
    reports.log_trial_result(1, trial, {"epoch": 1, "value": value})
    (line,) = Path(trial.folder, "result.json").read_text().splitlines()
    read = json.loads(line)["value"]
    assert (read, type(read)) == (written, type(written))


def test_long_reports_are_written_once_after_a_retry(trial: FakeTrial, reports: Any) -> None:
    """Each is longer than the part of the file that is read at first."""
    long = "x" * (TAIL_BYTES + 1000)
    reports.log_trial_start(trial)
    for epoch in (1, 2):
        reports.log_trial_result(epoch, trial, {"epoch": epoch, "text": long})
    reports.log_trial_end(trial)
    reports.log_trial_start(trial)
    for epoch in (1, 2, 3, 4):
        reports.log_trial_result(epoch, trial, {"epoch": epoch, "text": long})
    assert epochs(trial) == [1, 2, 3, 4]
