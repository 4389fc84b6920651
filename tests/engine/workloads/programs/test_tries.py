"""What earlier tries have logged is handed on once, in order, whatever Tune has got of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.programs.follower import read_messages
from pcsearch.engine.workloads.programs.rows import ProgramReport
from pcsearch.engine.workloads.programs.tries import Tries
from pcsearch.engine.workloads.reported_values import EARLIER_REPORTS


class Trial:
    """A trial whose tries come one after the other, and what Tune has got of it."""

    def __init__(self, work: Path) -> None:
        self.folder, self.written = work / "logged", list[dict[str, Any]]()
        self.is_lost = False
        self.folder.mkdir()

    def attempt(self, *epochs: int, lost: int = 0, name: str = "a", begins: bool = False) -> None:
        """Log some epochs, of which the last ones are lost on their way to Tune."""
        tries = Tries(self.folder, "wandb", ["loss"], None, self._take)
        file = tries.file()
        tries.begin(file, 0, [] if begins else self.written)
        with file.open("a") as lines:
            for epoch in epochs:
                values = {"loss": 0, "epoch": epoch, "name": name}
                lines.write(json.dumps({"kind": "log", "values": values}) + "\n")
        got = len(epochs) - lost
        for message, place in list(read_messages(file, "wandb", 0, None))[:got]:
            tries.report(ProgramReport(dict(message["values"]), place))
        if not lost:
            tries.end()
        tries.close()

    def _take(self, report: dict[str, Any]) -> None:
        before = report.pop(EARLIER_REPORTS, None)
        if self.is_lost:
            return
        if before is not None:
            del self.written[before:]
        number = len(self.written) + 1
        self.written.append({**report, "training_iteration": number, "pid": os.getpid()})

    @property
    def epochs(self) -> list[tuple[int, str]]:
        return [(report["epoch"], report["name"]) for report in self.written]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def named(name: str, *epochs: int) -> list[tuple[int, str]]:
    return [(epoch, name) for epoch in epochs]


def test_what_several_tries_have_lost_comes_in_order(trial: Trial) -> None:
    trial.attempt(1, 2, 3, lost=2)
    trial.attempt(4, lost=1, name="b")
    trial.attempt(5, 6, name="c")
    expected = [*named("a", 1, 2, 3), *named("b", 4), *named("c", 5, 6)]
    assert trial.epochs == expected
    trial.attempt(name="d")
    assert trial.epochs == expected


def test_a_lost_try_replaces_what_comes_after_what_its_program_has_kept(trial: Trial) -> None:
    trial.attempt(1, 2, 3, 4, lost=1)
    trial.attempt(3, lost=1, name="b")
    assert trial.epochs == named("a", 1, 2, 3)
    trial.attempt(4, name="c")
    assert trial.epochs == [*named("a", 1, 2), *named("b", 3), *named("c", 4)]


def test_the_report_that_was_on_its_way_counts_once(trial: Trial) -> None:
    trial.attempt(1, 2)
    trial.is_lost = True
    trial.attempt(3, name="b")
    trial.is_lost = False
    trial.attempt(4, name="c")
    assert trial.epochs == [*named("a", 1, 2), *named("b", 3), *named("c", 4)]


def test_reports_of_before_a_new_beginning_do_not_come_back(trial: Trial) -> None:
    trial.written = [
        {"epoch": n, "name": "old", "training_iteration": n, "pid": 1} for n in (1, 2, 3)
    ]
    trial.attempt(1, lost=1, name="new", begins=True)
    assert trial.epochs == named("old", 1, 2, 3)
    trial.attempt(2, name="newer")
    assert trial.epochs == [*named("new", 1), *named("newer", 2)]


def test_reports_of_a_version_that_kept_none_of_this_stay(trial: Trial) -> None:
    trial.written = [
        {"epoch": n, "name": "old", "training_iteration": n, "pid": 1} for n in (1, 2, 3)
    ]
    trial.attempt(4, lost=1)
    trial.attempt(5, name="b")
    assert trial.epochs == [*named("old", 1, 2, 3), *named("a", 4), *named("b", 5)]


@pytest.mark.parametrize("logged", [3, 5])
def test_what_only_the_driver_has_after_the_death_of_a_machine_stays(
    logged: int, trial: Trial
) -> None:
    """The newest lines of the ledger, and maybe of what was logged, have not come to the disk."""
    trial.attempt(1, 2, 3, 4, 5)
    for name, count in (("tries.jsonl", 1 + 3), ("0000.jsonl", logged)):
        file = trial.folder / name
        lines = [line for line in file.read_text().splitlines() if line]
        file.write_text("".join(f"{line}\n" for line in lines[:count]))
    trial.attempt(6, name="b")
    assert trial.epochs == [*named("a", 1, 2, 3, 4, 5), *named("b", 6)]


def test_lines_that_a_kill_has_cut_hide_no_others(trial: Trial) -> None:
    trial.attempt(1, 2, lost=1)
    with (trial.folder / "tries.jsonl").open("a") as ledger:
        ledger.write('{"training_it')
    with (trial.folder / "0000.jsonl").open("a") as lines:
        lines.write('{"kind": "log", "val')
    trial.attempt(3)
    assert trial.epochs == named("a", 1, 2, 3)


def test_ten_thousand_reports_are_handed_on_in_a_moment(trial: Trial) -> None:
    trial.attempt(*range(10_000), lost=9_999)
    trial.is_lost = True
    taken = list[int]()
    tries = Tries(trial.folder, "wandb", ["loss"], None, lambda each: taken.append(each["epoch"]))
    assert len(tries.begin(tries.file(), 0, trial.written)) == 10_000
    tries.end()
    tries.close()
    assert taken == list(range(1, 10_000))
