"""The alert at the end of a search."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from wandb_trials import (
    FakeOutcomes,
    FakeTrial,
    make,
    metrics,
    read_all,
    read_one,
    report,
    run_trial,
    start,
)

from pcsearch.tracking.runs.context import RunHistory


@pytest.mark.parametrize(
    ("outcomes", "title", "text", "level"),
    [
        (
            FakeOutcomes(ended=9, failures=2, best={"last": 0.25}),
            "The search is complete: my-search",
            "my-search: 9 trials, 2 of them failed; the best is trial 3: "
            "ValMetrics/Pretext/full_mse 0.25.",
            "WARN",
        ),
        (
            FakeOutcomes(ended=4, winner="last", best={"last": 0.25}),
            "The search has reached its target: my-search",
            "my-search: 4 trials; the best is trial 3: ValMetrics/Pretext/full_mse 0.25.",
            "INFO",
        ),
        (
            FakeOutcomes(ended=9, failures=9),
            "The search failed: my-search",
            "my-search: All of 9 trials failed.",
            "ERROR",
        ),
    ],
)
def test_the_run_that_ends_last_tells_how_the_search_ended(
    outcomes: FakeOutcomes, title: str, text: str, level: str, tmp_path: Path
) -> None:
    ended, outcomes = outcomes.ended_count, copy.deepcopy(outcomes)
    callback, first, last = make(tmp_path, outcomes), FakeTrial("first"), FakeTrial("last")
    outcomes.ended_count = ended - 1
    run_trial(callback, first, [metrics(3)])
    outcomes.ended_count = ended
    run_trial(callback, last, [metrics(3)])
    callback.on_experiment_end(trials=[first, last])
    callback.manager.settle()
    assert {run.id: run.alerts for run in read_all(tmp_path)} == {
        "first": [],
        "last": [(title, text, level)],
    }


def test_the_end_of_a_search_is_told_once(tmp_path: Path) -> None:
    history = RunHistory(frozenset({"a"}), alert_sent=True)
    callback, trial = make(tmp_path, FakeOutcomes(ended=9), history=history), FakeTrial("a")
    run_trial(callback, trial, [metrics(3)])
    callback.on_experiment_end(trials=[trial])
    callback.manager.settle()
    assert read_one(tmp_path).alerts == []


def test_an_error_that_ends_the_search_is_told_on_a_run_that_is_open(tmp_path: Path) -> None:
    callback, trial = make(tmp_path, name="g" * 90), FakeTrial()
    start(callback, trial)
    report(callback, trial, metrics(1))
    callback.close(RuntimeError("the searcher broke\nin many lines"))
    callback.manager.settle()
    run = read_one(tmp_path)
    ((title, text, level),) = run.alerts
    assert title == ("The search failed: " + "g" * 90)[:63]
    assert (text, level) == (f"{'g' * 90}: RuntimeError: the searcher broke", "ERROR")
    assert (run.exit_code, run.summary["trial_status"]) == (1, "interrupted")
