"""What a session knows of its trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searching import write_sweep

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.reports.screen import state as module
from pcsearch.reports.screen.estimate import Estimate, Training
from pcsearch.reports.screen.state import LATEST, Running, SearchState, how_ended
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.runs.context import RunsState

EPOCHS = 4
SEARCHED = {
    "peak_lr_hidden": {"values": [0.01, 0.02, 0.03]},
    "seed": {"values": [1, 2, 3, 4]},
    "epochs": {"value": EPOCHS},
}
WANDB = RunsState("offline", 2, is_cut_off=False)


class Search:
    """A search of twelve trials, and its state."""

    def __init__(self, folder: Path) -> None:
        sweep = write_sweep(folder / "s.yaml", SEARCHED)
        experiment = new_experiment(sweep, Options(storage_path=folder, name="here"))
        self.outcomes = experiment.outcomes()
        self.state = SearchState(experiment, self.outcomes, lambda: WANDB)

    def start(self, number: int, epoch: int = 0) -> TrialOutcome:
        config = {"peak_lr_hidden": 0.01, "seed": number, "epochs": EPOCHS}
        outcome = self.outcomes.begin(f"t{number}", number, config)
        self.state.start(outcome.trial_id, config, epoch)
        return outcome

    def report(self, outcome: TrialOutcome, epoch: int, value: float | None = None) -> None:
        outcome.add({"epoch": epoch, "best_val_mse": value, "time_total_s": 300.0 * epoch})
        self.state.report(outcome)

    def end(self, outcome: TrialOutcome, error: str | None = None) -> None:
        self.outcomes.end(outcome.trial_id, error)
        self.state.end(outcome)


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


def test_the_newest_trials_that_ended_and_those_that_run(search: Search) -> None:
    for number in range(1, LATEST + 2):
        trial = search.start(number)
        search.report(trial, EPOCHS, 1 / number)
        search.end(trial)
    running = search.start(LATEST + 2)
    search.report(running, 2, 0.5)
    # An epoch without a validation keeps the value that is known.
    search.report(running, 3)
    view = search.state.view()
    assert [row.number for row in view.latest] == list(range(2, LATEST + 2))
    assert (view.latest[0].epochs, view.latest[0].status) == ("4", "finished")
    (row,) = view.running
    assert (row.number, row.epochs, row.values, row.status) == (10, "3/4", (0.5,), "running")
    assert row.curve == ((2, 0.5),)
    assert (view.ended, view.cap, view.ends) == (9, 12, {"finished": 9})
    assert view.best is not None
    assert view.best.name == f"trial {LATEST + 1}"
    assert (view.wandb, [p.name for p in view.searched]) == (WANDB, ["peak_lr_hidden", "seed"])


def test_a_trial_that_ends_twice_counts_once(search: Search) -> None:
    """Tune ends a trial again where writing its end has failed."""
    trial = search.start(1)
    search.end(trial)
    search.end(trial, "OSError: full")
    assert search.state.view().ends == {"failed": 1}


def test_trials_of_earlier_sessions_are_added(search: Search) -> None:
    for number in (1, 2):
        search.outcomes.begin(f"t{number}", number, {"seed": number})
    search.outcomes.end("t1")
    assert search.state.view().latest == ()
    for _ in range(2):
        search.state.add_earlier()
    assert [row.number for row in search.state.view().latest] == [1]


def test_the_time_that_is_left_counts_the_epochs_of_this_session(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    search.state.begin_session()
    one = search.start(1)
    # An earlier session has trained the first half of the second trial.
    two = search.start(2, 2)
    now[0] += 600
    search.report(one, 1, 0.1)
    assert search.state.view().estimate == Estimate(3)
    search.report(one, EPOCHS, 0.1)
    search.end(one)
    search.report(two, EPOCHS - 1, 0.1)
    # Five epochs in ten minutes; one of the second trial is left, and ten trials.
    assert search.state.view().estimate == Estimate(7, 7 + 41, 41 * 120)


def test_other_drivers_have_the_numbers_between_and_their_part_of_what_is_left(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    search.state.begin_session()
    for number in (1, 4):
        trial = search.start(number)
        now[0] += 400
        search.report(trial, EPOCHS, 0.1)
        search.end(trial)
    view = search.state.view()
    assert (view.ended, view.elsewhere) == (2, 2)
    # Of the eight that are left, this driver gets four.
    assert view.estimate == Estimate(2 * EPOCHS, 6 * EPOCHS, 4 * EPOCHS * 100)
    # One that has not started yet is this driver's all the same.
    search.outcomes.begin("t3", 3, {"epochs": EPOCHS})
    view = search.state.view()
    assert (view.ended, view.elsewhere) == (2, 1)
    assert view.estimate == Estimate(2 * EPOCHS, 9 * EPOCHS, 7 * EPOCHS * 100)


def test_how_far_a_trial_is_where_its_length_is_unknown() -> None:
    outcome = TrialOutcome("a", (Metric("loss", "minimize"),), number=3)
    outcome.add({"epoch": 5, "loss": 0.5, "time_total_s": 20.0})
    running = Running(outcome, {}, 5, [0.5])
    assert running.training == Training(5, None, 4.0)
    assert running.row.epochs == "5"
    assert Running(TrialOutcome("b", ()), {}, 0, []).training == Training(0)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({}, "finished"),
    ({"last_report": {"epoch": 2, "early_stop_reason": "plateau"}}, "ended early"),
    ({"last_report": {"epoch": 2, "loss": float("nan")}}, "diverged"),
    ({"failed": True}, "failed"),
    ({"last_report": {"epoch": 2}, "stopped_at": 2}, "stopped by ASHA"),
    ({"last_report": {"epoch": 2}, "stopped_at": 2, "ended_by_user": True}, "stopped by hand"),
    ({"last_report": {"epoch": 2}, "ended_by_target": True}, "stopped at the target"),
    ({"last_report": {"epoch": 2}, "ended_elsewhere": True}, "run elsewhere"),
    ({"last_report": {"epoch": 2}}, "stopped"),
]


@pytest.mark.parametrize(("changes", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_how_a_trial_has_ended_in_words(changes: dict[str, Any], words: str) -> None:
    metrics = (Metric("loss", "minimize"),)
    outcome = TrialOutcome("a", metrics, epochs=4, ended=True, last_report={"epoch": 4, "loss": 1})
    assert how_ended(replace(outcome, **changes)) == words
