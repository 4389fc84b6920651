"""A search in a thread; `test_searches.py` has whole searches."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import wandb
from old_experiments import ended, write_experiment
from wandb_server import WandbServer

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests
from pcsearch.errors import PcsearchError, Problem
from pcsearch.library.listeners import Quiet
from pcsearch.library.running import PreparedSearch, RunningSearch
from pcsearch.tracking.server.api import set_up

MINUTES = 240


@pytest.fixture
def experiment(tmp_path: Path) -> str:
    searched = {"hidden_momentum": {"values": [0.1, 0.2]}}
    write_experiment(tmp_path / "here", searched, [ended([2.0]), ended([0.5])])
    return str(tmp_path / "here")


def until_stopped(stop: Event) -> None:
    assert stop.wait(MINUTES)


def test_one_search_runs_until_it_is_stopped(experiment: str) -> None:
    running = RunningSearch(PreparedSearch(experiment, until_stopped, Quiet()))
    assert (running.running, running.result) == (True, None)
    assert repr(running) == f"<RunningSearch {experiment}: running>"
    with pytest.raises(TimeoutError, match="still runs"):
        running.wait(0.01)
    with pytest.raises(PcsearchError, match="a search runs in this program already"):
        PreparedSearch(experiment, until_stopped, Quiet())
    running.stop()
    assert running.wait(MINUTES) is running.result
    assert running.result.state == "finished"
    assert repr(running) == f"<RunningSearch {experiment}: ended>"


def test_the_end_of_a_block_stops_the_search(experiment: str) -> None:
    with RunningSearch(PreparedSearch(experiment, until_stopped, Quiet())) as running:
        assert running.running
    assert running.result is not None


def test_an_error_is_told_and_raised_where_it_is_waited_for(
    experiment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_: Any) -> None:
        raise PcsearchError(Problem("too few", "--num-samples"))

    running = RunningSearch(PreparedSearch(experiment, work, Quiet()))
    for _ in range(2):
        with pytest.raises(PcsearchError, match=r"^num_samples: too few"):
            running.wait(MINUTES)
    with pytest.raises(PcsearchError):
        _ = running.result
    assert "ended with an error:\nnum_samples: too few\n" in capsys.readouterr().err
    assert repr(running) == f"<RunningSearch {experiment}: failed>"
    # The next one may run.
    assert PreparedSearch(experiment, lambda _: None, Quiet()).here().state == "finished"


def test_wandbs_client_is_quiet_during_a_search_only(
    experiment: str, user_server: WandbServer, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(_: Any) -> None:
        assert set_up().base_url == user_server.url
        wandb.termwarn("of the search")

    PreparedSearch(experiment, work, Quiet()).here()
    wandb.termwarn("of a later run")
    printed = capfd.readouterr().err
    assert "of a later run" in printed
    assert "of the search" not in printed


def test_a_running_search_is_asked_by_the_files_that_a_terminal_writes(tmp_path: Path) -> None:
    experiment = str(tmp_path / "here")
    searched = {"hidden_momentum": {"values": [0.1, 0.2, 0.3]}}
    write_experiment(tmp_path / "here", searched, [ended([2.0]), None, None])
    requests = Requests(ExperimentDirectory(Path(experiment)))
    with RunningSearch(PreparedSearch(experiment, until_stopped, Quiet())) as running:
        running.pause()
        running.continue_()
        running.limit(np.int64(2))  # type: ignore[arg-type]
        running.stop(3, 1, 2)
        running.stop(1)
        assert running.running, "only the trials are to end"
        wrong: list[Any] = [0, 2.5, "3", True, [1], None]
        for value in wrong:
            with pytest.raises(PcsearchError, match=r"^max_concurrent: .* (at least 1|no whole n)"):
                running.limit(value)
            with pytest.raises(PcsearchError, match=r"^trials: .* (at least 1|no whole number)"):
                running.stop(2, value)
        begun = "the trials that have begun are 1 to 3"
        with pytest.raises(PcsearchError, match=f"^trials: there is no trial 99 in .*; {begun}$"):
            running.stop(2, 99)
    asked = [requests.read(name) for name in requests.names()]
    assert [(each.kind, each.max_concurrent, each.trials) for each in asked] == [
        ("pause", None, []),
        ("continue", None, []),
        ("limit", 2, []),
        ("stop", None, [2, 3]),
    ]
    with pytest.raises(PcsearchError, match="the search has ended; resume it first"):
        running.pause()


def test_a_search_that_has_not_begun_cannot_be_asked(tmp_path: Path) -> None:
    running = RunningSearch(PreparedSearch(str(tmp_path / "there"), until_stopped, Quiet()))
    try:
        with pytest.raises(PcsearchError, match="no experiment is here"):
            running.pause()
    finally:
        running.stop()
        with pytest.raises(PcsearchError):
            running.wait(MINUTES)
