"""How a search got better: trials in the order of their ends, with what had been spent by then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_findings import made_findings, made_race, made_trial

from pcsearch.engine.results.findings import Finding
from pcsearch.engine.results.progress import in_order

TEXT = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters: {x: {values: [1, 2]}}\n"


def trial(number: int, value: float | None, end: float) -> Finding:
    """A trial of five epochs and ten seconds."""
    status = "failed" if value is None else "finished"
    return replace(made_trial(number, {"x": 1}, value, status=status), end=end)


def test_trials_are_in_the_order_of_their_ends() -> None:
    trials = [trial(1, 0.3, 60.0), trial(2, 0.5, 40.0), trial(3, None, 50.0), trial(4, 0.4, 40.0)]
    found = in_order(made_findings(TEXT, trials))
    assert [each.trial.result.number for each in found] == [2, 4, 3, 1]
    assert [each.epochs for each in found] == [5, 10, 15, 20]
    assert [each.seconds for each in found] == [10.0, 10.0, 20.0, 30.0]
    assert [each.is_new for each in found] == [True, True, False, True]
    assert [each.best for each in found] == [0.5, 0.4, 0.4, 0.3]


def test_a_trial_whose_last_report_has_no_time_changes_the_times_of_no_other() -> None:
    trials = [trial(1, 0.3, 1e9), replace(trial(2, 0.5, 0.0), end=None), trial(3, 0.4, 1e9 + 20)]
    found = in_order(made_findings(TEXT, trials))
    assert [each.trial.result.number for each in found] == [2, 1, 3]
    assert [each.seconds for each in found] == [0.0, 10.0, 30.0]


def test_a_trial_without_a_report_is_left_out() -> None:
    begun = made_trial(1, {"x": 1}, None, status="interrupted")
    begun = replace(begun, result=replace(begun.result, epoch=0))
    assert in_order(made_findings(TEXT, [begun])) == []


def test_without_a_metric_no_trial_is_better() -> None:
    search = made_findings(
        "method: grid\nparameters: {x: {values: [1]}}\n", [made_trial(1, {"x": 1})]
    )
    assert [each.is_new for each in in_order(search)] == [False]


def test_with_replicates_the_best_is_a_mean_which_may_become_worse() -> None:
    search = made_race({1: [0.1, 1.0], 2: [0.4, 0.5]})
    order = [0, 2, 1, 3]
    trials = [replace(search.trials[i], end=float(at)) for at, i in enumerate(order)]
    found = in_order(replace(search, trials=tuple(trials)))
    assert [each.best for each in found] == pytest.approx([0.1, 0.1, 0.55, 0.45])
    assert [each.is_new for each in found] == [True, False, True, True]
