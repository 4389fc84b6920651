"""Trials: which of their errors do not count, and how they end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import trial as trials
from pcsearch.engine.execution.trial import SearchTrial, TrialContext
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.workloads.checkpoint_storage import CheckpointStorageError
from pcsearch.engine.workloads.reported_values import STOPPED_BY_USER
from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint import UnreadableStateError
from pcsearch.sweeps.metrics import Metric

AWAY = CheckpointStorageError("AWS Error NETWORK_CONNECTION")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The places whose answer was waited for; all trials lie at an address."""
    places: list[Path] = []
    monkeypatch.setattr(trials, "is_remote", lambda _: True)
    monkeypatch.setattr(trials, "await_answer", places.append)
    return places


def trial_in(folder: Path, epoch: int = 3) -> Any:
    trial: Any = SearchTrial.__new__(SearchTrial)
    trial.folder, trial.storage_error, trial.hung, trial._is_final = folder, "", "", False
    trial._storage_retried_at, trial.unreadable = -1, set()
    trial._context = TrialContext(folder, Outcomes([]), None)
    trial.run_metadata = SimpleNamespace(last_result={"training_iteration": epoch} if epoch else {})
    return trial


def test_a_trial_whose_checkpoint_could_not_be_sent_has_not_failed_once_an_epoch(
    tmp_path: Path, waits: list[Path]
) -> None:
    trial = trial_in(tmp_path)
    assert trial._was_storage_away(AWAY)
    # The storage answers, and does not take it all the same.
    assert not trial._was_storage_away(AWAY)
    trial.run_metadata.last_result["training_iteration"] = 4
    assert trial._was_storage_away(AWAY)
    assert not trial._was_storage_away(OSError("of the user's own"))
    trial.run_metadata.last_result["training_iteration"] = 5
    assert not trial._was_storage_away(CheckpointStorageError("AWS Error ACCESS_DENIED"))
    assert len(waits) == 2


def test_a_trial_that_is_stopped_at_w_and_b_ends_with_that_report(tmp_path: Path) -> None:
    trial = trial_in(tmp_path)
    trial.outcome, trial.stopping_criterion = TrialOutcome("abc", ()), {}
    assert not trial.should_stop({"training_iteration": 1})
    assert trial.should_stop({"training_iteration": 1, STOPPED_BY_USER: True})
    assert trial.outcome.stop_requested
    assert trial.outcome.last_report == {"training_iteration": 1}


@pytest.mark.usefixtures("waits")
def test_a_storage_that_stays_away_ends_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays_away(_: Path) -> None:
        raise StorageError("s3://b/x: cannot be read (gone)") from OSError("gone")

    monkeypatch.setattr(trials, "await_answer", stays_away)
    trial = trial_in(tmp_path)
    assert not trial._was_storage_away(AWAY)
    assert trial.storage_error == "gone", "which ends the search"


def test_a_checkpoint_that_cannot_be_loaded_is_left_out_and_the_trial_retried(
    tmp_path: Path,
) -> None:
    trial = trial_in(tmp_path)
    results = [SimpleNamespace(checkpoint=SimpleNamespace(path=f"/c/{i}")) for i in (1, 2)]
    trial.run_metadata.checkpoint_manager = SimpleNamespace(_checkpoint_results=results)
    error = UnreadableStateError("state.pt: the file is damaged")
    assert trial._was_unreadable(error)
    assert trial.unreadable == {"/c/2"}
    assert not trial._was_unreadable(error), "it cannot cause more than one"
    assert not trial._was_unreadable(PcsearchError("of another configuration"))


def test_a_report_is_in_the_outcome_before_anything_else_sees_it(tmp_path: Path) -> None:
    trial = trial_in(tmp_path)
    trial.stopping_criterion = {}
    trial.outcome = TrialOutcome("a", (Metric("val/loss", "minimize"),))
    assert not trial.should_stop({"val/loss": 0.5, "training_iteration": 1})
    assert trial.outcome.values == (0.5,)
    assert trial.should_stop({"done": True, "training_iteration": 1})


def test_a_trial_that_the_user_stops_ends_with_its_next_report(tmp_path: Path) -> None:
    trial = trial_in(tmp_path)
    trial.stopping_criterion, trial.outcome = {}, TrialOutcome("a", ())
    trial.outcome.stop_by_user()
    assert trial.should_stop({"training_iteration": 1})
