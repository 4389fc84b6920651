"""Which reports stay where a program starts again from a state that it saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.programs.report_positions import (
    position,
    read_reports,
    reports_before,
)


def reports(*values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "training_iteration": number} for number, each in enumerate(values, 1)]


EPOCHS = reports({"epoch": 0}, {"epoch": 1}, {"epoch": 1}, {"epoch": 2})


@pytest.mark.parametrize(("first", "before"), [(0, 0), (1, 1), (1.5, 3), (2, 3), (3, 4)])
def test_what_comes_before_the_first_new_report_stays(first: float, before: int) -> None:
    assert reports_before(EPOCHS, {"epoch": first}, None) == before


def test_all_stay_where_reports_do_not_say_how_far_they_are() -> None:
    assert reports_before(EPOCHS, {"loss": 1}, None) == 4
    assert reports_before(reports({"loss": 1}, {"loss": 2}), {"epoch": 1}, None) == 2
    assert reports_before([], {"epoch": 1}, None) == 0


def test_what_says_it_is_what_the_user_names_or_an_epoch_or_a_step() -> None:
    report = {"step": 90, "train/epoch": 1.5, "trainer.global_step": 80, "loss": 3, "my": 7}
    assert position(reports(report), None) == ("train/epoch", 1.5)
    assert position(reports(report), "my") == ("my", 7)
    assert position(reports(report), "none") is None
    del report["train/epoch"]
    assert position(reports(report), None) == ("trainer.global_step", 80)
    assert position(reports({"epoch": "first", "step": True}), None) is None
    assert position([], None) is None


def test_damaged_lines_end_the_reports(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert read_reports(file) == []
    file.write_text('{"training_iteration": 1}\n{"other": 1}\n{"training_iter')
    assert read_reports(file) == [{"training_iteration": 1}]
