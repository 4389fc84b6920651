"""Reports are made of what a program logs as W&B makes rows of it."""

from __future__ import annotations

from typing import Any

import pytest

from pcsearch.engine.workloads.programs.rows import SETTLE_S, ProgramReport, Rows


class Taken:
    """Rows, and what they have made so far."""

    def __init__(self, metric: str | None, now: Any = lambda: 100.0) -> None:
        self.rows = Rows([metric] if metric else [], now)
        self.count = 0

    def add(self, message: dict[str, Any], process: int = 1) -> list[dict[str, Any]]:
        self.count += 1
        return values(self.rows.add({**message, "process": process}, self.count))


def values(made: list[ProgramReport]) -> list[dict[str, Any]]:
    return [each.values for each in made]


def test_the_begin_of_a_run_is_no_row() -> None:
    rows = Rows(["loss"])
    assert rows.add({"kind": "begin", "values": {"tensorboard": True}}, 1) == []
    assert (rows.rest(), rows.names, rows.runs) == ([], set(), [{"tensorboard": True}])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def log(step: int | None = None, commit: bool | None = None, **values: Any) -> dict[str, Any]:
    return {"kind": "log", "values": values, "step": step, "commit": commit}


@pytest.mark.parametrize(
    ("calls", "reports"),
    [
        ([log(loss=1), log(loss=2)], [{"loss": 1}, {"loss": 2}]),
        # Rows without the metric come with the next report, the newest value of each name.
        ([log(a=1), log(a=2, b=1), log(loss=3)], [{"a": 2, "b": 1, "loss": 3}]),
        # One row in two calls.
        ([log(commit=False, loss=1), log(a=2)], [{"loss": 1, "a": 2}]),
        ([log(0, loss=1), log(0, a=2), log(1, loss=2)], [{"loss": 1, "a": 2}, {"loss": 2}]),
        ([log(3, loss=1), log(5, commit=True, loss=2)], [{"loss": 1}, {"loss": 2}]),
        # The metric twice in one row is two reports: a trial may have to be stopped.
        ([log(0, loss=1), log(0, loss=2)], [{"loss": 1}, {"loss": 2}]),
        # A step that is over, as W&B takes it: it belongs to the newest row.
        ([log(4, loss=1), log(2, a=1)], [{"loss": 1, "a": 1}]),
        ([{"kind": "log", "values": 3}, log(loss=1)], [{"loss": 1}]),
    ],
)
def test_calls_become_reports(calls: list[dict[str, Any]], reports: list[dict[str, Any]]) -> None:
    taken = Taken("loss")
    made = [report for call in calls for report in taken.add(call)]
    assert [*made, *values(taken.rows.rest())] == reports
    assert taken.rows.has_reported


def test_a_report_says_up_to_which_call_it_is() -> None:
    rows = Rows(["loss"], Clock())
    rows.add(log(0, loss=1), 10)
    rows.add(log(0, a=1), 20)
    (made,) = rows.add(log(1, loss=2), 30)
    assert (made, rows.rest()) == (
        ProgramReport({"loss": 1, "a": 1}, 20),
        [ProgramReport({"loss": 2}, 30)],
    )


def test_a_row_that_may_go_on_waits_for_a_moment_only() -> None:
    clock = Clock()
    taken = Taken("loss", clock)
    rows = taken.rows
    assert rows.wait() is None
    assert taken.add(log(0, loss=1)) == []
    assert rows.wait() == pytest.approx(SETTLE_S)
    assert rows.due() == []
    clock.now += SETTLE_S
    assert values(rows.due()) == [{"loss": 1}]
    assert rows.wait() is None
    assert taken.add(log(0, late=2)) == []
    assert taken.add(log(1, commit=True, loss=3)) == [{"late": 2, "loss": 3}]


def test_processes_of_a_program_have_rows_of_their_own() -> None:
    taken = Taken("loss")
    assert taken.add(log(7, loss=1), 1) == []
    assert taken.add(log(7, loss=2), 2) == [{"loss": 1}]
    assert values(taken.rows.rest()) == [{"loss": 2}]


def test_without_a_metric_each_row_is_a_report() -> None:
    taken = Taken(None)
    assert taken.add(log(a=1)) == [{"a": 1}]
    assert taken.add(log(b=2)) == [{"b": 2}]


def test_a_metric_in_the_summary_only_is_the_last_report() -> None:
    taken = Taken("best")
    assert taken.add(log(a=1)) == []
    assert taken.add({"kind": "summary", "values": {"best": 0.5, "a": 1}}) == []
    assert values(taken.rows.rest()) == [{"a": 1, "best": 0.5}]
    assert taken.rows.names == {"a"}
    other = Taken("best")
    other.add(log(best=1))
    other.add({"kind": "summary", "values": {"best": 1}})
    assert other.rows.rest() == [], "it is a report already"
