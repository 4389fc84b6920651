"""The outcomes of all trials of a search."""

from __future__ import annotations

from pathlib import Path

from histories import MadeTrialHistory

from pcsearch.engine.records.journal.events import ReachedTarget, Replicate, TrialEnded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
SIZE = Metric("size", "maximize")


def test_outcomes_count_ends_and_know_the_best() -> None:
    outcomes = Outcomes([LOSS])
    for trial_id, loss in (("a", 0.5), ("b", 0.2), ("c", 0.1), ("d", 0.05)):
        outcomes.of(trial_id).add({"loss": loss})
    outcomes.end("a")
    outcomes.end("b")
    outcomes.end("c", "it failed")
    assert (outcomes.ended_count, outcomes.failures) == (3, 1)
    assert outcomes.best is outcomes.of("b"), "a failed trial and one that runs are not the best"
    outcomes.reach_target(ReachedTarget("d", [0.05]))
    assert outcomes.of("d").reached_target


def test_the_runs_of_a_configuration_are_those_of_all_sessions() -> None:
    old = MadeTrialHistory("a", 1, None, Path(), TrialEnded("a", False, [0.5]))
    old.replicate = Replicate(1, 0)
    outcomes = Outcomes([LOSS], history=History([old]))
    for trial_id in "bcd":
        outcomes.of(trial_id)
    assert [each.trial_id for each in outcomes.runs_of(1)] == ["a"]
    # The searcher says of a new trial which run it is.
    for trial_id, replicate in {"b": Replicate(2, 0), "c": Replicate(1, 1)}.items():
        outcomes.of(trial_id).replicate = replicate
    assert [each.trial_id for each in outcomes.runs_of(1)] == ["a", "c"]
    assert [each.trial_id for each in outcomes.runs_of(2)] == ["b"]
    assert not outcomes.runs_of(3)


def test_a_trial_that_ends_again_counts_once() -> None:
    """Writing an end into the journal may fail for a moment; Tune ends the trial again then."""
    outcomes = Outcomes([LOSS])
    outcomes.end("a")
    outcomes.end("a", "it failed")
    assert (outcomes.ended_count, outcomes.failures) == (1, 1)
    outcomes.end("a")
    assert (outcomes.ended_count, outcomes.failures) == (1, 0)


def test_the_user_has_stopped_a_trial_only_if_it_did_not_fail() -> None:
    outcomes = Outcomes([LOSS])
    for trial_id in "abc":
        outcomes.of(trial_id).stop_by_user()
    assert not outcomes.of("a").ended_by_user
    assert outcomes.end("a").ended_by_user
    assert not outcomes.end("b", "it failed").ended_by_user
    assert not outcomes.of("c").ended_by_user


def test_a_trial_begins_with_what_it_will_train() -> None:
    outcomes = Outcomes([LOSS], epochs=lambda config: config["epochs"])
    assert outcomes.begin("a", 3, {"epochs": 9}).epochs == 9
    assert outcomes.of("a").number == 3


def test_a_resumed_search_knows_the_outcomes_of_earlier_sessions() -> None:
    ended = TrialEnded("a", True, [0.5], error="it failed")
    trial = MadeTrialHistory("a", 1, None, Path(), ended, made=[{"loss": 0.5}, {"loss": 0.7}])
    outcomes = Outcomes([LOSS], history=History([trial]))
    assert (outcomes.ended_count, outcomes.failures, outcomes.best) == (1, 1, None)
    assert (outcomes.of("a").error, outcomes.of("a").latest) == ("it failed", [0.7])
