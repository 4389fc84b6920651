"""What is read of another driver's journal."""

from __future__ import annotations

import json
from pathlib import Path

from pcsearch.engine.records.drivers.other_driver import OtherDriver
from pcsearch.engine.records.journal.events import (
    Compared,
    ReachedTarget,
    Retried,
    Suggested,
    TrialEnded,
)
from pcsearch.engine.records.journal.history import folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import OtherResult

ENDS = {
    "whole": TrialEnded("whole", False, [0.5]),
    "failed": TrialEnded("failed", True, [None], error="it broke"),
    "diverged": TrialEnded("diverged", False, [None]),
    "cut": TrialEnded("cut", False, [0.7]),
    "stopped": TrialEnded("stopped", False, [0.7], by_hand=True),
    "other": TrialEnded("other", False, [0.7], by_target=True),
    "nothing": TrialEnded("nothing", False, [None]),
    "elsewhere": TrialEnded("elsewhere", False, [], elsewhere=True),
    "running": None,
}


def begin(directory: Path, number: int, name: str) -> Path:
    Journal(directory).add(Suggested(name, number))
    folder = directory / folder_name(number, name)
    folder.mkdir()
    (folder / "params.json").write_text(json.dumps({"x": number}))
    return folder


def test_results_are_told_once_if_they_say_something(tmp_path: Path) -> None:
    journal, other = Journal(tmp_path), OtherDriver(tmp_path)
    for number, (name, end) in enumerate(ENDS.items(), 1):
        begin(tmp_path, number, name)
        if name == "cut":
            journal.add(Compared("cut", 1, 0.7, True))
        if end is not None:
            journal.add(end)
    other.read()
    assert other.new_results() == [
        OtherResult("whole", {"x": 1}, [0.5]),
        OtherResult("failed", {"x": 2}, None),
        OtherResult("diverged", {"x": 3}, None),
        OtherResult("nothing", {"x": 7}, None),
    ]
    other.read()
    assert other.new_results() == []
    assert other.ended_numbers == {1, 2, 3, 4, 5, 6, 7}


def test_a_trial_that_is_retried_is_told_once(tmp_path: Path) -> None:
    journal, other = Journal(tmp_path), OtherDriver(tmp_path)
    begin(tmp_path, 1, "a")
    journal.add(TrialEnded("a", True, [None], error="it broke"))
    journal.add(Retried("a"))
    other.read()
    assert (other.new_results(), other.ended_numbers) == ([], set())
    journal.add(TrialEnded("a", False, [0.5]))
    other.read()
    assert other.new_results() == [OtherResult("a", {"x": 1}, [0.5])]
    journal.add(Retried("a"))
    journal.add(TrialEnded("a", False, [0.4]))
    other.read()
    assert other.new_results() == []


def test_the_target_is_noticed(tmp_path: Path) -> None:
    other = OtherDriver(tmp_path)
    begin(tmp_path, 1, "a")
    other.read()
    assert not other.has_reached
    Journal(tmp_path).add(ReachedTarget("a", [0.1], 1))
    other.read()
    assert other.has_reached
