"""The end of a search at its target: by hand, and in Tune."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from driving import CONTINUE, METRIC, STOP, Driver
from ray import tune

from pcsearch.engine.cluster.connection import connected
from pcsearch.engine.execution.loop import ExperimentPlace, TrialSpec, run_trials
from pcsearch.engine.execution.restore import restore
from pcsearch.engine.execution.result_log import ResultLog
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.records.journal.events import ReachedTarget, Replicate
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import flatten
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.schedulers.asha import make_scheduler
from pcsearch.engine.search.schedulers.target import HOPELESS, UntilTarget
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Goal, Metric
from pcsearch.sweeps.sweep import Sweep, parse_sweep


def until(target: float | None, goal: Goal = "minimize") -> Driver:
    return Driver(UntilTarget(Outcomes([Metric(METRIC, goal, target=target)])))


@pytest.mark.parametrize(
    ("goal", "not_yet", "there"),
    [("minimize", 0.51, 0.5), ("minimize", 1e9, -1e9), ("maximize", 0.49, 0.5)],
)
def test_the_first_trial_at_the_target_ends_the_search(
    goal: Goal, not_yet: float, there: float
) -> None:
    driver = until(0.5, goal)
    for name in ("over", "a", "b"):
        assert driver.report(name, 1, not_yet) == CONTINUE
    driver.complete("over")
    driver.add("waiting")
    assert not driver.search_finished
    assert driver.report("b", 2, there) == STOP
    assert driver.search_finished
    assert driver.completed == ["over", "a", "waiting", "b"], (
        "the winner ends last, in its own time"
    )
    assert driver.outcomes.reached == ReachedTarget("b", [there])
    assert driver.ended_by_target == {"a", "waiting"}


def test_the_seeds_of_a_configuration_reach_the_target_together() -> None:
    driver = Driver(UntilTarget(Outcomes([Metric(METRIC, "minimize", target=0.5)]), seeds=2))
    for name, replicate in {"a": (1, 0), "b": (2, 0), "c": (1, 1)}.items():
        driver.add(name)
        driver.outcomes.of(name).replicate = Replicate(*replicate)
    # One lucky run ends nothing.
    assert driver.report("b", 1, 0.1) == CONTINUE
    assert driver.report("a", 1, 0.3) == CONTINUE
    assert driver.report("c", 1, 0.9) == CONTINUE
    assert driver.report("c", 2, 0.7) == STOP
    assert driver.outcomes.reached == ReachedTarget("c", [0.5])
    assert driver.search_finished
    # Both runs have reached it, also the one that was still running.
    assert driver.ended_by_target == {"b"}
    assert [driver.outcomes.of(name).reached_target for name in "abc"] == [True, False, True]
    later = driver.restored(lambda outcomes: UntilTarget(outcomes, seeds=2))
    assert later.outcomes.reached == driver.outcomes.reached


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "high", [0.5]])
def test_only_finite_numbers_reach_a_target(goal: Goal, value: Any) -> None:
    driver = until(0.5, goal)
    assert driver.report("a", 1, value) == CONTINUE
    assert driver.outcomes.reached is None


def test_a_diverged_trial_reaches_no_target() -> None:
    driver = until(0.5)
    assert driver.report("a", 1, 0.1, early_stop_reason="NaN") == CONTINUE
    assert driver.report("a", 2, 0.1, early_stop_reason=None) == STOP


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ({2: "TERMINATED", 11: "PENDING", 10: "PENDING", 9: "RUNNING"}, 10),
        ({3: "PAUSED", 4: "PENDING"}, 4),
        ({5: "PAUSED", 3: "PAUSED", 4: "ERROR"}, 3),
        ({1: "RUNNING"}, None),
        ({}, None),
    ],
)
def test_the_first_trial_that_waits_runs_next(statuses: dict[int, str], chosen: int | None) -> None:
    trials = [SimpleNamespace(experiment_tag=str(n), status=s) for n, s in statuses.items()]
    controller: Any = SimpleNamespace(get_live_trials=lambda: trials)
    found: Any = UntilTarget(Outcomes([])).choose_trial_to_run(controller)
    assert (found and int(found.experiment_tag)) == chosen


def test_without_a_target_nothing_ends_the_search() -> None:
    assert until(None).report("a", 1, -1e9) == CONTINUE
    assert Driver(UntilTarget(Outcomes([]))).report("a", 1, -1e9) == CONTINUE


def test_reports_that_were_under_way_end_their_trials_and_change_nothing() -> None:
    driver = until(0.5)
    driver.report("a", 1, 0.4)
    assert driver.report("late", 1, 0.1) == STOP
    assert driver.report("a", 2, 0.3) == STOP
    assert driver.outcomes.reached == ReachedTarget("a", [0.4])
    assert driver.ended_by_target == {"late"}


@pytest.mark.parametrize("order", [("late", "b", "a"), ("a", "b", "late")])
def test_a_search_that_had_reached_its_target_is_over_when_it_is_restored(
    order: tuple[str, ...],
) -> None:
    driver = until(0.5)
    driver.report("a", 1, 0.9)
    driver.report("b", 1, 0.4)
    assert driver.report("late", 1, 0.3) == STOP
    driver.trials = {name: driver.trials[name] for name in order}
    later = driver.restored(UntilTarget, (Metric(METRIC, "minimize", target=0.5),))
    assert later.search_finished
    assert later.outcomes.reached == ReachedTarget("b", [0.4])
    assert later.ended_by_target == {"a", "late"}


def test_a_restored_search_with_another_target_goes_on() -> None:
    driver = until(0.5)
    driver.report("b", 1, 0.4)
    later = driver.restored(UntilTarget, (Metric(METRIC, "minimize", target=0.1),))
    assert not later.search_finished
    assert later.report("c", 1, 0.4) == CONTINUE


def test_a_metric_inside_another_is_found_in_the_last_report_of_a_restored_trial() -> None:
    driver = Driver(UntilTarget(Outcomes([Metric("val/loss", "minimize", target=0.5)])))
    driver.outcomes.of("a").add(flatten({"val": {"loss": 0.4}}))
    driver.add("a")
    assert driver.outcomes.reached == ReachedTarget("a", [0.4])


def test_the_target_is_seen_before_the_rung() -> None:
    """And a trial that was stopped at a rung and is still saving was not ended by the target."""
    metric = Metric(METRIC, "minimize", target=0.5)
    sweep, outcomes = Sweep("random", (metric,), {}, Hyperband(1)), Outcomes([metric])
    driver = Driver(make_scheduler(sweep, outcomes, learning_curves(sweep, 9, outcomes)))
    for number in range(4):
        driver.report(f"good{number}", 1, 0.6)
    driver.add("bad")
    driver.outcomes.of("bad").add({"epoch": 1, METRIC: 9.0})
    bad: Any = driver.trials["bad"]
    assert driver.scheduler.on_trial_result(driver, bad, {"epoch": 1, METRIC: 9.0}) == STOP
    assert driver.report("best", 1, 0.5) == STOP
    assert driver.stopped == {"bad": 1}
    assert driver.ended_by_target == {f"good{number}" for number in range(4)}


def test_several_targets_are_reached_by_one_report_that_is_as_good_as_all() -> None:
    metrics = [
        Metric("loss", "minimize", target=0.5),
        Metric("size", "minimize"),
        Metric("accuracy", "maximize", target=0.9),
    ]
    driver = Driver(UntilTarget(Outcomes(metrics)))
    assert driver.report("a", 1, loss=0.4, accuracy=0.8) == CONTINUE
    assert driver.report("b", 1, loss=0.6, accuracy=0.95) == CONTINUE
    assert driver.report("a", 2, loss=0.5, accuracy=0.9) == STOP
    assert driver.outcomes.reached == ReachedTarget("a", [0.5, 0.9])


# In Tune itself: a trial's loss falls from ``a`` by a tenth an epoch, ten epochs long.

PARAMETERS = "method: grid\nparameters: {a: {values: [5, 1, 2, 3]}}"
METRIC_WITH_TARGET = Metric("loss", "minimize", target=0.5)


def trainable(folder: Path) -> Callable[[dict[str, Any]], None]:
    """Trial 5 is slow, and trial 1 waits until it is under way before it wins at epoch 5."""

    def train(config: dict[str, Any]) -> None:
        while config["a"] == 1 and not (folder / "under way").exists():
            time.sleep(0.01)
        for epoch in range(1, 1000):
            with TemporaryDirectory() as checkpoint:
                Path(checkpoint, "epoch").write_text(str(epoch))
                report = {"epoch": epoch, "loss": config["a"] - 0.1 * min(epoch, 10)}
                tune.report(report, checkpoint=tune.Checkpoint.from_directory(checkpoint))
            (folder / "under way").touch()
            time.sleep(0.1)

    return train


class Completed(tune.Callback):
    """Notes the trials that Tune tells the end of."""

    def __init__(self) -> None:
        self.trials: set[int] = set()

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self.trials.add(trial.config["a"])


def search(folder: Path) -> tuple[dict[int, Any], Outcomes, set[int]]:
    sweep = replace(parse_sweep(PARAMETERS, "sweep.yaml"), metrics=(METRIC_WITH_TARGET,))
    journal, history = Journal(folder / "search"), read_history(folder / "search")
    outcomes, completed = Outcomes(sweep.metrics, history=history), Completed()
    scheduler = make_scheduler(sweep, outcomes, None, note=journal.add)
    scheduler.resume_from(history)
    restored = [restore(trial, lambda _: "") for trial in history.trials]
    searcher = make_searcher(sweep, 4, 0, history=history, outcomes=outcomes)
    context = TrialContext(folder / "search", outcomes, sweep.metric)
    trials = run_trials(
        TrialSpec(trainable(folder), {"cpu": 0.5}, ExperimentPlace("search", str(folder))),
        TrialSource(searcher, restored, lambda: 2, context),
        scheduler,
        [ResultLog(lambda report: int(report["epoch"])), completed],
    )
    return {trial.config["a"]: trial for trial in trials}, outcomes, completed.trials


def test_in_tune_the_target_ends_the_search_and_a_restored_search_stays_ended(
    tmp_path: Path,
) -> None:
    (tmp_path / "search").mkdir()
    with connected(None):
        trials, outcomes, completed = search(tmp_path)
        again, later, completed_later = search(tmp_path)
    assert set(trials) == completed == {5, 1}, "nothing new starts, and all are told to end"
    assert {trial.status for trial in trials.values()} == {"TERMINATED"}
    assert outcomes.reached == ReachedTarget(trials[1].trial_id, [0.5], 5)
    assert [each.trial_id for each in outcomes if each.ended_by_target] == [trials[5].trial_id]
    assert trials[1].last_result["epoch"] == 5
    assert Path(trials[1].checkpoint.path, "epoch").read_text() == "5", "what won is kept"
    assert {a: trial.trial_id for a, trial in again.items()} == {
        a: trial.trial_id for a, trial in trials.items()
    }
    assert completed_later == set()
    assert later.reached == outcomes.reached
    assert [each.trial_id for each in later if each.ended_by_target] == [trials[5].trial_id]


@pytest.mark.parametrize(
    ("errors", "hopeless"),
    [
        (dict.fromkeys(range(1, HOPELESS + 1), "KeyError: 'x' at 0x12"), True),
        ({1: "A", 2: "B", 3: "A", 4: "A", 5: "A"}, False),
        # The first is under way, and fine so far.
        ({2: "A", 3: "A", 4: "A", 5: "A", 6: "A"}, False),
    ],
)
@pytest.mark.parametrize("before", [0, 3])
def test_a_search_whose_first_trials_fail_in_the_same_way_is_given_up(
    errors: dict[int, str], hopeless: bool, before: int
) -> None:
    driver, given_up = until(None), []
    for number in range(1, 7):
        driver.add(str(number))
    for i, (number, error) in enumerate(errors.items()):
        if i == before:
            # A later session knows how the others have failed.
            driver = driver.restored(UntilTarget)
            driver.scheduler.give_up = lambda: given_up.append(True)
        driver.fail(str(number), error.replace("12", str(number)))
    assert given_up == [True] * hopeless
    assert not driver.search_finished, "trials that are under way are not over"
