"""The history of a search, as its journal and its trials' files tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from histories import history_of

from pcsearch.engine.records.journal.events import (
    AlertSent,
    Claimed,
    Compared,
    Event,
    ReachedTarget,
    Released,
    Retried,
    RunCompleted,
    Suggested,
    TrialEnded,
)
from pcsearch.engine.records.journal.history import (
    folder_name,
    give_up,
)
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.ledger import Claim
from pcsearch.engine.records.outcome import outcome_of


@pytest.mark.parametrize("found", [0, 2])
def test_an_ended_trial_whose_reports_are_lost_is_run_again(found: int, tmp_path: Path) -> None:
    ended = TrialEnded("a", False, [0.5], reports=3)
    folder = tmp_path / folder_name(1, "a")
    if found:
        folder.mkdir()
        rows = [json.dumps({"training_iteration": i}) + "\n" for i in range(1, found + 1)]
        (folder / "result.json").write_text("".join(rows))
    history = history_of(tmp_path, Suggested("a", 1), ended, RunCompleted("a", 3))
    (trial,) = history.trials
    assert (trial.over, trial.run_step) == (False, None)
    assert history.notes == [
        f"trial 1: {folder}/result.json has {found} of 3 reports; the trial is run again from there"
    ]


@pytest.mark.parametrize(
    ("end", "notes"),
    [
        (TrialEnded("a", False, [0.5]), 0),
        (TrialEnded("a", True, [None], error="x", reports=3), 0),
        (TrialEnded("a", False, [], elsewhere=True, reports=3), 0),
        (TrialEnded("a", False, [0.5], by_hand=True, reports=3), 1),
    ],
    ids=["of an earlier version", "failed", "elsewhere", "stopped by the user"],
)
def test_other_trials_stay_ended(end: TrialEnded, notes: int, tmp_path: Path) -> None:
    history = history_of(tmp_path, Suggested("a", 1), end)
    assert history.trials[0].over
    assert len(history.notes) == notes


def report(directory: Path, number: int, trial: str, epochs: int) -> None:
    """Have a trial report so many epochs."""
    folder = directory / folder_name(number, trial)
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"training_iteration": e, "loss": 1 / e}) for e in range(1, epochs + 1)]
    (folder / "result.json").write_text("\n".join(lines) + "\n")


def test_a_decision_whose_report_was_lost_is_made_again(tmp_path: Path) -> None:
    report(tmp_path, 1, "a", epochs=2)
    events = [Suggested("a", 1), Compared("a", 3, 0.7, True), ReachedTarget("a", [0.1], 3)]
    history = history_of(tmp_path, *events)
    assert [trial.id for trial in history.unfinished] == ["a"]
    assert history.reached is None
    report(tmp_path, 1, "a", epochs=3)
    history = read_history(tmp_path)
    assert history.unfinished == []
    assert history.reached == events[2]


def test_a_trial_goes_on_until_it_has_ended_or_was_stopped(tmp_path: Path) -> None:
    report(tmp_path, 2, "b", epochs=3)
    history = history_of(
        tmp_path,
        Suggested("b", 2),
        Suggested("a", 1),
        Suggested("c", 3),
        Compared("a", 3, 0.5, False),
        Compared("b", 3, 0.7, True),
        TrialEnded("c", True, [None], error="KeyError"),
    )
    assert [trial.id for trial in history.trials] == ["a", "b", "c"]
    assert [trial.id for trial in history.unfinished] == ["a"]
    assert [trial.id for trial in history.failed] == ["c"]
    assert history.trials[0].folder == tmp_path / folder_name(1, "a")
    assert not history.is_over(3)


def test_the_trial_that_ended_last_is_known(tmp_path: Path) -> None:
    begun = (Suggested("a", 1), Suggested("b", 2))
    ends = (TrialEnded("b", False, [0.5]), TrialEnded("a", False, [0.5]))
    assert history_of(tmp_path, *begun, *ends).last_ended == "a"


def test_a_search_killed_when_it_reached_its_target_is_over(tmp_path: Path) -> None:
    history = history_of(tmp_path, Suggested("a", 1), Suggested("b", 2), ReachedTarget("b", [0.1]))
    assert history.is_over(99)
    first, second = history.trials
    assert (first.end.by_target, second.end.by_target) == (True, False)
    # Its reports have them, of every metric.
    assert second.end.values == []


def test_a_run_that_was_closed_before_its_trial_ended_has_more_to_come(tmp_path: Path) -> None:
    history = history_of(
        tmp_path, Suggested("a", 1), RunCompleted("a", 4), TrialEnded("a", False, [0.5])
    )
    assert history.trials[0].run_step is None


@pytest.mark.parametrize("later", [Suggested("b", 2), Retried("a")])
def test_the_alert_of_a_search_counts_until_the_search_goes_on(
    later: Event, tmp_path: Path
) -> None:
    sent = AlertSent(online=True)
    assert history_of(tmp_path, Suggested("a", 1), TrialEnded("a", True, []), sent).alert == sent
    Journal(tmp_path).add(later)
    assert read_history(tmp_path).alert is None


def test_a_shared_search_has_numbers_of_its_own_and_claims_that_a_kill_has_left(
    tmp_path: Path,
) -> None:
    claims = [Claimed("a", 3, "m"), Claimed("b", 7), Claimed("c", 8), Claimed("d", 9, "n")]
    events = [*claims, Suggested("a", 3), Released("c"), Suggested("b", 7)]
    history = history_of(tmp_path, *events)
    assert history.is_shared
    assert [(trial.id, trial.number) for trial in history.trials] == [("a", 3), ("b", 7)]
    assert history.claims == [Claim(9, "d", "n")]
    Journal(tmp_path).add(give_up(history, "b"))
    assert [trial.id for trial in history.unfinished] == ["a"]
    given_up = read_history(tmp_path).trials[1]
    outcome = outcome_of(given_up, [])
    assert (outcome.ended_elsewhere, outcome.failed, outcome.was_cut) == (True, False, True)
