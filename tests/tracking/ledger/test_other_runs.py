"""What a driver knows of the runs of others, with W&B's real client."""

from __future__ import annotations

import pytest
from wandb_server import Run, Sweep, WandbServer

from pcsearch.tracking.ledger.entries import Entries
from pcsearch.tracking.ledger.other_runs import OtherRuns
from pcsearch.tracking.ledger.terms import Terms
from pcsearch.tracking.server.api import connect
from pcsearch.tracking.server.sweep_runs import SweepRuns


@pytest.fixture
def runs(server: WandbServer) -> SweepRuns:
    server.sweeps["abc"] = Sweep("team", "pc", "abc", "method: bayes")
    return SweepRuns(connect(), "abc", "pc", "team")


def put(server: WandbServer, name: str, exit_code: int | None, **summary: object) -> None:
    run = server.runs[name] = Run("team", "pc", name, sweep="abc", exit_code=exit_code)
    run.summary = summary


def test_runs_that_go_on_are_asked_for_until_they_end_or_are_deleted(
    runs: SweepRuns, server: WandbServer
) -> None:
    entries = Entries("abc")
    others = OtherRuns(runs, entries, Terms(9, 9))
    put(server, "abc_1", None)
    put(server, "abc_2", None)
    others.list_new()
    assert others.age < 60
    assert {run.id for run in entries.others(ended=False)} == {"abc_1", "abc_2"}
    server.runs["abc_1"].exit_code = 0
    del server.runs["abc_2"]
    others.look_at_running()
    assert entries.others(ended=False) == []
    assert [run.id for run in entries.others(ended=True)] == ["abc_1"]
    assert others.new_results() == [], "the search does not learn"


def test_each_result_is_given_once_and_none_of_a_trial_that_was_interrupted(
    runs: SweepRuns, server: WandbServer
) -> None:
    others = OtherRuns(runs, Entries("abc"), Terms(9, 9, ("loss",)))
    put(server, "abc_1", 0, loss=0.5, trial_status="finished")
    put(server, "abc_2", 1, loss=0.7, trial_status="interrupted")

    def results() -> list[tuple[str, list[float] | None]]:
        others.list_new()
        others.look_at_running()
        return [(each.trial_id, each.values) for each in others.new_results()]

    assert results() == [("abc_1", [0.5])]
    assert results() == []
