"""The end of a trial is in its outcome and in the journal; where the storage failed it is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution.outcome_journal import OutcomeJournal
from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.sweeps.metrics import Metric


@pytest.fixture
def outcomes() -> Outcomes:
    outcomes = Outcomes([Metric("loss", "minimize")])
    outcomes.of("a").add({"loss": 0.5, "training_iteration": 3})
    return outcomes


def test_an_end_is_written_with_its_values_and_why(outcomes: Outcomes, tmp_path: Path) -> None:
    callback, trial = OutcomeJournal(outcomes, Journal(tmp_path)), SimpleNamespace(trial_id="a")
    outcomes.of("a").stop_by_user()
    ended: Any = trial
    callback.on_trial_complete(0, [], ended)
    assert list(Journal(tmp_path).events()) == [
        TrialEnded("a", False, [0.5], by_hand=True, reports=3)
    ]
    assert (outcomes.ended_count, outcomes.failures) == (1, 0)
    assert not callback.has_failures


def test_a_failure_is_written_with_its_error(outcomes: Outcomes, tmp_path: Path) -> None:
    callback = OutcomeJournal(outcomes, Journal(tmp_path))
    trial: Any = SimpleNamespace(trial_id="a", error="ValueError: no", storage_error="")
    callback.on_trial_error(0, [], trial)
    assert list(Journal(tmp_path).events()) == [
        TrialEnded("a", True, [0.5], error="ValueError: no", reports=3)
    ]
    assert outcomes.failures == 1
    assert callback.has_failures


def test_a_trial_of_a_storage_that_failed_has_not_ended(outcomes: Outcomes, tmp_path: Path) -> None:
    callback, calls = OutcomeJournal(outcomes, Journal(tmp_path)), []
    callback.on_storage_error = lambda: calls.append(callback.storage_error)
    trial: Any = SimpleNamespace(trial_id="a", error="", storage_error="No space left on device")
    callback.on_trial_error(0, [], trial)
    assert calls == ["No space left on device"]
    assert list(Journal(tmp_path).events()) == []
    assert not outcomes.of("a").ended
