from __future__ import annotations

import pytest
from wandb_server import Run, Sweep, WandbServer

from pcsearch.tracking.server import sweep_runs as module
from pcsearch.tracking.server.api import connect
from pcsearch.tracking.server.sweep_runs import SweepRuns


@pytest.fixture
def runs(server: WandbServer) -> SweepRuns:
    server.sweeps["abc"] = Sweep("team", "pc", "abc", "method: grid")
    return SweepRuns(connect(), "abc", "pc", "team")


def test_the_state_of_a_sweep_is_read_and_set(server: WandbServer, runs: SweepRuns) -> None:
    assert str(runs) == "team/pc/abc"
    assert runs.state() == "PENDING"
    runs.set_state("FINISHED")
    assert server.sweeps["abc"].state == "FINISHED"
    assert runs.state() == "FINISHED"
    assert SweepRuns(connect(), "other", "pc", "team").state() == ""


def test_runs_are_listed_newest_first_up_to_a_page_with_one_that_is_known(
    server: WandbServer, runs: SweepRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_PAGE", 2)
    for number in range(5):
        assert runs.make(f"abc_{number}")
    server.runs["stranger"] = Run("team", "pc", "stranger", sweep="another")
    assert [run.id for run in runs.newest()] == [f"abc_{n}" for n in (4, 3, 2, 1, 0)]
    found = runs.newest(is_known=lambda run_id: run_id == "abc_3")
    assert [run.id for run in found] == ["abc_4", "abc_3"]
    assert {run.id for run in runs.of_ids(["abc_0", "abc_1", "abc_4", "stranger"])} == {
        "abc_0",
        "abc_1",
        "abc_4",
    }
    assert runs.of_ids([]) == []


def test_a_run_is_made_once_and_tells_its_state_and_values(
    server: WandbServer, runs: SweepRuns
) -> None:
    assert [runs.make("abc_1"), runs.make("abc_1")] == [True, False]
    run = server.runs["abc_1"]
    run.config = {"_wandb": {"value": {}}, "x": {"value": 3}}
    run.summary = {"loss": 0.5}
    (found,) = runs.of_ids(["abc_1"], with_results=True)
    assert (found.config, found.summary, found.state) == ({"x": 3}, {"loss": 0.5}, "running")
    assert found.heartbeat
    run.exit_code = 1
    assert runs.newest()[0].state == "failed"
    runs.delete("abc_1")
    runs.delete("of somebody else")
    assert not server.runs
    assert runs.make("abc_1") is None
