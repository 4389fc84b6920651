"""What became of a trial is computed in one place, from its reports or from the journal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from histories import MadeTrialHistory

from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.history import TrialHistory
from pcsearch.engine.records.outcome import TrialOutcome, outcome_of
from pcsearch.engine.records.report import ITERATION
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
SIZE = Metric("size", "maximize")


def outcome(*reports: dict[str, Any], metrics: tuple[Metric, ...] = (LOSS,), **more: Any) -> Any:
    trial = TrialOutcome("a", metrics, **more)
    for report in reports:
        trial.add(report)
    return trial


def test_the_best_of_one_metric_is_the_best_of_all_reports() -> None:
    trial = outcome({"loss": 0.5}, {"loss": 0.2}, {"loss": 0.4}, {})
    assert (trial.best, trial.latest, trial.values) == ([0.2], [0.4], (0.2,))


def test_an_epoch_that_is_a_report_counts_where_it_has_the_metric() -> None:
    """A trial that was restored reports again, and may report other things."""
    trial = outcome(time_attr=ITERATION)

    def progress(number: int, **values: float) -> float | None:
        report = {ITERATION: number, **values}
        trial.add(report)
        trial.add(report)
        return trial.progress(report)

    first = [progress(number, other=1.0) for number in (1, 2)]
    assert [*first, progress(3, loss=0.3), progress(4, other=1.0)] == [0, 0, 1, 1]
    assert [progress(5, loss=math.nan), progress(6, loss=0.2)] == [2, 3]
    assert trial.epoch == 6
    assert trial.curve == [(1, 0.3), (3, 0.2)]
    assert [progress(2, loss=0.4), progress(3, other=1.0), progress(4, loss=0.1)] == [1, 1, 2]
    assert trial.curve == [(1, 0.4), (2, 0.1)]


def test_an_epoch_is_what_reports_say_where_they_say_it() -> None:
    trial = outcome(time_attr=ITERATION, epoch_key="val/epoch")

    def progress(number: int, **values: float) -> float | None:
        report = {ITERATION: number, **{k.replace("_", "/"): v for k, v in values.items()}}
        trial.add(report)
        return trial.progress(report)

    assert progress(1, loss=0.9) is None, "it has not said it"
    assert [progress(2, val_epoch=0, loss=0.8), progress(3, loss=0.7)] == [0, 0]
    assert [progress(4, val_epoch=0.5), progress(5, val_epoch=10, loss=0.5)] == [0.5, 10]
    assert trial.curve == [(0, 0.7), (10, 0.5)]
    assert trial.epoch == 5


def test_an_epoch_of_the_pc_transformer_counts_in_any_case() -> None:
    trial = outcome({"epoch": 1, "training_iteration": 1})
    assert trial.progress({"epoch": 2, "training_iteration": 2, "loss": 0.5}) == 2


def test_the_best_of_several_metrics_is_the_last_report_that_has_all() -> None:
    metrics = (LOSS, SIZE)
    trial = outcome(
        {"loss": 0.1, "size": 9}, {"loss": 0.5, "size": 1}, {"loss": 0}, metrics=metrics
    )
    assert trial.best == trial.latest == [0.5, 1.0]


def test_a_trial_that_diverged_is_worth_nothing_and_keeps_what_it_measured() -> None:
    trial = outcome({"loss": 0.5}, {"loss": math.nan})
    assert (trial.best, trial.values, trial.diverged) == ([0.5], (None,), True)


def test_without_a_metric_a_trial_has_no_values() -> None:
    trial = outcome({"loss": 0.5}, metrics=())
    assert (trial.best, trial.values) == (None, ())


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "interrupted"),
        ({"failed": True, "ended": True}, "failed"),
        ({"ended": True, "last_report": {"epoch": 3, "loss": math.nan}}, "diverged"),
        ({"ended": True, "epochs": 3, "last_report": {"epoch": 3}}, "finished"),
        ({"ended": True, "epochs": 3, "last_report": {"epoch": 2}}, "stopped"),
        ({"ended": True, "epochs": 3, "last_report": {"early_stop_reason": "x"}}, "finished"),
        ({"ended": True, "epochs": 3, "reached_target": True}, "finished"),
        ({"ended": True}, "finished"),
        ({"ended": True, "stopped_at": 1}, "stopped"),
        ({"ended": True, "ended_by_target": True}, "stopped"),
        ({"ended": True, "ended_by_user": True}, "stopped"),
    ],
)
def test_how_a_trial_has_ended(facts: dict[str, Any], status: str) -> None:
    assert TrialOutcome("a", (LOSS,), **facts).status == status


def test_a_result_is_the_outcome_as_it_is_now() -> None:
    trial = outcome({"epoch": 2, "loss": 0.5, "time_total_s": 1.5, "pid": 1}, number=7)
    trial.error = "first\nsecond"
    result = trial.result()
    assert (result.folder, result.epoch, result.seconds) == ("0007_a", 2, 1.5)
    assert (result.error, result.reported) == ("first", ("epoch", "loss"))
    trial.add({"epoch": 3, "loss": 0.1})
    assert result.values == (0.5,)


def trial_of_history(ended: TrialEnded | None, *reports: dict[str, Any]) -> TrialHistory:
    return MadeTrialHistory("a", 1, None, Path(), ended, made=list(reports))


def test_the_values_of_an_ended_trial_come_from_the_journal() -> None:
    """Not from its reports, which take long to read where there are very many trials."""
    trial = outcome_of(trial_of_history(TrialEnded("a", False, [0.2]), {"loss": 0.5}), [LOSS])
    assert (trial.best, trial.values) == ([0.2], (0.2,))


def test_a_trial_whose_end_had_no_value_has_none_whatever_its_reports_say() -> None:
    trial = outcome_of(trial_of_history(TrialEnded("a", False, [None]), {"loss": 0.3}), [LOSS])
    assert (trial.best, trial.values) == ([0.3], (None,))


def test_what_a_diverged_trial_measured_comes_from_its_reports() -> None:
    ended = TrialEnded("a", False, [None])
    trial = outcome_of(trial_of_history(ended, {"loss": 0.3}, {"loss": math.nan}), [LOSS])
    assert (trial.best, trial.values, trial.status) == ([0.3], (None,), "diverged")


@pytest.mark.parametrize(("reports", "best"), [([], 0.2), ([{"loss": 0.3, "epoch": 1}], 0.3)])
def test_a_trial_whose_reports_are_lost_keeps_the_value_in_the_journal(
    reports: list[dict[str, Any]], best: float
) -> None:
    history = trial_of_history(TrialEnded("a", False, [0.2]), *reports)
    assert outcome_of(history, [LOSS], curve=True).best == [best]
