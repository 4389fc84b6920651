"""What a search has found, read from its directory whatever state it is in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.events import Compared, ReachedTarget
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.results.findings import Findings, findings_at, read_findings
from pcsearch.errors import PcsearchError

SEEDS = {"seed": {"values": [1, 2, 3, 4]}, "epochs": {"value": 4}}
TRIALS = [
    ended([0.5, 0.3], timestamp=1_000, time_total_s=20.0, hostname="one"),
    ended([0.9], failed=True),
    ended([0.8, 0.2, 0.1, 0.05], timestamp=1_010, time_total_s=40.0, hostname="two"),
    None,
]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A search of four trials: stopped, failed, finished, unfinished."""
    write_experiment(tmp_path / "here", SEEDS, TRIALS, num_samples=4)
    Journal(tmp_path / "here").add(Compared("t1", 2, 0.3, True, epoch=2))
    return tmp_path / "here"


def found(here: Path) -> Findings:
    with findings_at(str(here), "results") as findings:
        return findings


def test_the_trials_have_what_became_of_them(here: Path) -> None:
    findings = found(here)
    assert (findings.state, findings.cap, findings.notes) == ("interrupted", 4, ())
    assert [parameter.name for parameter in findings.searched] == ["seed"]
    assert [(each.status, each.reason) for each in findings.trials] == [
        ("stopped", "by the scheduler"),
        ("failed", ""),
        ("finished", ""),
        ("interrupted", ""),
    ]
    assert [each.result.value for each in findings.trials] == [0.3, 0.9, 0.05, None]
    assert [each.result.config.get("seed") for each in findings.trials] == [1, 2, 3, None]
    assert [each.node for each in findings.trials] == ["one", "", "two", ""]
    assert [each.end for each in findings.trials] == [1_000, None, 1_010, None]
    assert [each.epochs for each in findings.trials][:3] == [4, 4, 4]


def test_the_trial_that_reached_the_target_has_finished(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", SEEDS, [ended([0.5, 0.1]), ended([0.9])], num_samples=4)
    Journal(tmp_path / "here").add(ReachedTarget("t1", [0.1], 2))
    findings = found(tmp_path / "here")
    assert findings.state == "finished"
    assert [(each.status, each.reason) for each in findings.trials] == [
        ("finished", "reached the target"),
        ("stopped", ""),
    ]


def test_the_first_report_says_when_a_trial_began(here: Path) -> None:
    file = here / "0001_t1" / "result.json"
    first, *rest = file.read_text().splitlines()
    timed = json.loads(first) | {"timestamp": 985, "time_total_s": 5.0}
    file.write_text("\n".join([json.dumps(timed), *rest, ""]))
    assert found(here).trials[0].start == 980


def test_a_search_is_finished_when_all_its_trials_are(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", SEEDS, [ended([0.1])] * 4)
    assert found(tmp_path / "here").state == "finished"


def test_a_search_that_runs_is_read_without_its_lock(here: Path) -> None:
    with ExperimentDirectory(here).owned():
        findings = found(here)
        assert findings.state == "running"
        assert [each.running for each in findings.trials] == [False, False, False, True]
        # A session at its end, whose lock is not free yet, knows better.
        assert read_findings(ExperimentDirectory(here), {here: False}).state == "interrupted"
    (here / ".owner").write_text("process 1 on elsewhere")
    assert found(here).state == "interrupted"


def test_nothing_in_the_directory_changes(here: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in here.rglob("*")}
    found(here)
    assert {file: file.stat().st_mtime_ns for file in here.rglob("*")} == before


def test_damage_costs_what_is_damaged(here: Path) -> None:
    (here / "0001_t1" / "params.json").write_text("{")
    file = here / "0002_t2" / "result.json"
    report = json.loads(file.read_text()) | {"config": {"seed": 7}}
    file.write_text(f"{json.dumps(report)}\n")
    (here / "0002_t2" / "params.json").unlink()
    (here / "0003_t3" / "result.json").unlink()
    findings = found(here)
    assert [each.result.number for each in findings.trials] == [1, 2, 3, 4]
    assert findings.trials[1].result.config == {"seed": 7}
    assert len(findings.notes) == 1
    assert findings.notes[0].endswith("params.json cannot be read; its values are left out")
    (here / "journal.jsonl").write_text('{"event": "ended"}\n')
    with pytest.raises(PcsearchError, match=r"journal.jsonl:1: the line is damaged"):
        found(here)
    shutil.rmtree(here)
    with pytest.raises(PcsearchError, match="no experiment is here"):
        found(here)


def test_the_trials_of_all_drivers_are_there(here: Path) -> None:
    driver = here / "drivers" / "other_1234"
    driver.mkdir(parents=True)
    for name in ("sweep.yaml", "experiment.json"):
        shutil.copy(here / name, driver)
    lines = (here / "journal.jsonl").read_text().splitlines(keepends=True)
    claim = '{"event": "claimed", "number": %d, "trial": "%s", "mark": "m"}\n'
    # The first driver has trials 1 to 3, the other has the fourth.
    (here / "journal.jsonl").write_text(
        "".join([claim % (1, "t1"), *(line for line in lines if '"t4"' not in line)])
    )
    suggested = next(line for line in lines if '"t4"' in line)
    (driver / "journal.jsonl").write_text(claim % (4, "t4") + suggested)
    for place in (here, driver):
        findings = read_findings(ExperimentDirectory(place))
        assert [each.result.number for each in findings.trials] == [1, 2, 3, 4]


def test_the_record_says_how_a_function_counts_and_no_code_of_a_user_is_loaded(here: Path) -> None:
    file = here / "experiment.json"
    record: dict[str, Any] = json.loads(file.read_text())
    record["options"] |= {"trainable": "no_such_module:train", "epoch_key": "epoch"}
    file.write_text(json.dumps(record))
    findings = found(here)
    assert len(findings.trials) == 4
    assert (findings.time_attr, findings.epoch_key) == ("training_iteration", "epoch")
