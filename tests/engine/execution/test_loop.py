"""The loop over Tune's controller, with real trials."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import FIFOScheduler

from pcsearch.engine.cluster.connection import connected
from pcsearch.engine.execution.loop import ExperimentPlace, TrialSpec, run_trials
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.sweep import parse_sweep

pytestmark = pytest.mark.slow
GRID = "method: grid\nparameters: {x: {values: [1, 2, 3]}}"


@pytest.fixture(scope="module", autouse=True)
def ray_of_these_tests() -> Iterator[None]:
    """Its processes wait six seconds for a function to end, where Tune waits for ten minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNE_FUNCTION_THREAD_TIMEOUT_S", "6")
        with connected(None):
            yield


class Notes(tune.Callback):
    """Notes what Tune tells."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, int]] = []
        self.failures: list[int] = []
        self.ended: list[int] = []

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        self.reports.append((trial.config["x"], result["epoch"]))

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.failures.append(trial.config["x"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.ended.append(trial.config["x"])


def test_trials_run_and_are_retried_until_the_session_is_due(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()

    def train(config: dict[str, Any]) -> None:
        """Trial 1 fails at first, and trial 3 would take for ever."""
        mark = tmp_path / "failed"
        for epoch in range(1, 10_000 if config["x"] == 3 else 4):
            if config["x"] == 1 and epoch == 2 and not mark.exists():
                mark.touch()
                raise ValueError("once")
            tune.report({"epoch": epoch})
            time.sleep(0.02)

    outcomes, notes = Outcomes(()), Notes()
    searcher = make_searcher(parse_sweep(GRID, "s.yaml"), 3, 0, outcomes=outcomes)
    trials = run_trials(
        TrialSpec(train, {"cpu": 0.5}, ExperimentPlace("here", str(tmp_path)), max_failures=1),
        TrialSource(searcher, [], lambda: 2, TrialContext(tmp_path / "here", outcomes, None)),
        FIFOScheduler(),  # type: ignore[no-untyped-call]
        [notes],
        is_due=lambda: len(notes.ended) == 2 and (3, 2) in notes.reports,
    )
    assert {trial.config["x"] for trial in trials} == {1, 2, 3}
    assert (notes.failures, sorted(notes.ended)) == ([1], [1, 2])
    of_first = [epoch for x, epoch in notes.reports if x == 1]
    assert of_first == [1, 1, 2, 3]
    assert len(notes.reports) < 9_000
    # For Tune's own tools.
    assert list(tmp_path.glob("here/experiment_state-*.json"))
    assert capfd.readouterr().out == ""


class StopsAtOnce(FIFOScheduler):
    """Stops the trials 1 and 2 at their first reports."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        return self.STOP if trial.config["x"] < 3 else self.CONTINUE


def test_a_stopped_function_that_ends_late_or_never_costs_no_other_trial(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()

    def train(config: dict[str, Any]) -> None:
        """Trial 1 takes longer to end than Tune waits of itself, and trial 2 does not end."""
        try:
            for epoch in range(1, 4):
                tune.report({"epoch": epoch, "process": os.getpid()})
        finally:
            time.sleep({1: 3, 2: 1000, 3: 0}[config["x"]])

    outcomes, notes = Outcomes(()), Notes()
    searcher = make_searcher(parse_sweep(GRID, "s.yaml"), 3, 0, outcomes=outcomes)
    context = TrialContext(tmp_path / "here", outcomes, None)
    trials = run_trials(
        TrialSpec(train, {"cpu": 0.5}, ExperimentPlace("here", str(tmp_path)), max_failures=1),
        TrialSource(searcher, [], lambda: 1, context),
        StopsAtOnce(),  # type: ignore[no-untyped-call]
        [notes],
    )
    assert notes.ended == [1, 2, 3]
    assert notes.failures == [3], "its process ended before it began"
    processes = {trial.config["x"]: trial.last_result["process"] for trial in trials}
    assert processes[1] == processes[2] != processes[3]
    assert [epoch for x, epoch in notes.reports if x == 3] == [1, 2, 3]
