"""ASHA, driven by hand: where trials are compared, which stop, and what never stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from asha_schedulers import EPOCHS, asha, curves, made, sweep
from driving import CONTINUE, METRIC, STOP, Driver
from scipy.stats import spearmanr

from pcsearch.engine.records.journal.events import Compared
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import ITERATION
from pcsearch.engine.search.predictions import learning_curves as curves_module
from pcsearch.engine.search.predictions.learning_curves import LearningCurves, learning_curves
from pcsearch.engine.search.predictions.power_laws import Curve, PowerLaws, Sums, fitted
from pcsearch.engine.search.schedulers.asha import FEWEST, SPARED, Asha, make_scheduler
from pcsearch.engine.search.schedulers.target import UntilTarget
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


def with_others(scheduler: UntilTarget, epochs: int = 1, value: float = 0.0) -> Driver:
    """A driver of nine trials, about as good as each other, with which another is compared."""
    driver = Driver(scheduler)
    for epoch in range(1, epochs + 1):
        for number in range(9):
            driver.report(f"good{number}", epoch, value + 0.1 / epoch + 0.001 * number)
    return driver


def restored(driver: Driver, **settings: Any) -> Driver:
    """What a later session has of a search."""

    def make(outcomes: Outcomes) -> UntilTarget:
        read = sweep(Hyperband(settings.get("min_iter", 1), settings.get("eta", 3)))
        curves = learning_curves(read, settings["max_epochs"], outcomes)
        return make_scheduler(read, outcomes, curves)

    return driver.restored(make)


@pytest.mark.parametrize(
    ("hyperband", "max_epochs"),
    [
        (Hyperband(1, 3), 9),
        (Hyperband(1, 3), 10),
        (Hyperband(3, 3), 81),
        (Hyperband(2, 2), 16),
        (Hyperband(1, 10), 101),
        (Hyperband(3, 2.5), 20),
        (Hyperband(2, 1.5), 12),
        (Hyperband(1, 1.1), 8),
        (Hyperband(5, 4), 6),
        (Hyperband(7, 1.01), 9),
        (Hyperband(max_iter=27, s=2), 40),
        (Hyperband(max_iter=27, s=2), 9),
        (Hyperband(max_iter=100, s=3), 50),
        (Hyperband(max_iter=50, s=9, eta=1.7), 60),
    ],
)
def test_a_bad_trial_stops_at_the_first_rung_of_the_sweep_and_not_before(
    hyperband: Hyperband, max_epochs: int
) -> None:
    first = hyperband.rungs(max_epochs)[0]
    driver = with_others(made(sweep(hyperband), max_epochs), first)
    decisions = [driver.report("bad", epoch, 1.0) for epoch in range(1, first + 1)]
    assert decisions == [CONTINUE] * (first - 1) + [STOP]
    assert driver.stopped["bad"] == first


def test_a_trial_that_turns_bad_after_a_rung_stops_before_the_next() -> None:
    driver = with_others(made(sweep(Hyperband(1, 9)), 27), 27)
    decisions = [driver.report("bad", 1, 0.05)]
    decisions += [driver.report("bad", epoch, 5.0) for epoch in range(2, 9)]
    assert decisions[0] == CONTINUE
    assert STOP in decisions
    at = decisions.index(STOP) + 1
    assert driver.stopped["bad"] == at
    assert driver.events[-1] == Compared("bad", at, 5.0, True, epoch=at)


def test_no_trial_is_stopped_for_reaching_max_iter() -> None:
    driver = with_others(made(sweep(Hyperband(max_iter=9, s=2)), None), 40)
    assert driver.report("b", 9, 9e9) == STOP
    assert driver.events[-1] == Compared("b", 3, 9e9, True, epoch=9)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("eta", [2, 2.5, 3, 4])
def test_the_better_goes_on_and_the_worse_stops(goal: str, eta: float) -> None:
    sign = 1 if goal == "minimize" else -1
    continues = []
    worse = int(10 / eta) + 1
    for new in sorted({0, worse - 1, worse, 9}):
        driver = Driver(asha(10, min_iter=2, eta=eta, goal=goal))
        for value in range(8, -1, -1):
            for epoch in (1, 2):
                driver.report(f"t{value}", epoch, sign * float(value))
        driver.report("new", 1, sign * (new - 0.5))
        continues.append(driver.report("new", 2, sign * (new - 0.5)) == CONTINUE)
    assert continues[0]
    assert not any(continues[2:])
    assert continues == sorted(continues, reverse=True)


@pytest.mark.parametrize(("value", "decision"), [(0.02, CONTINUE), (2.5, STOP)])
def test_one_that_can_hardly_become_one_of_the_best_stops_in_the_better_half(
    value: float, decision: str
) -> None:
    """The curves have fallen by 0.1 and are flat: nothing is left that a trial could still gain."""
    driver = Driver(asha(27, min_iter=9, eta=2))
    for number, end in enumerate([0.0, 0.01, 0.02, 5.0, 6.0, 7.0, 8.0, 9.0]):
        for epoch in range(1, 10):
            driver.report(f"t{number}", epoch, end + 0.1 / epoch)
    for epoch in range(1, 9):
        driver.report("new", epoch, value + 0.1 / epoch)
    assert driver.report("new", 9, value) == decision


def test_the_first_trials_are_not_compared() -> None:
    driver = Driver(asha(9))
    assert [driver.report(f"t{i}", 1, 0.1 + i) for i in range(FEWEST)] == [CONTINUE] * (
        FEWEST - 1
    ) + [STOP]


def test_the_first_at_a_rung_goes_on_however_bad() -> None:
    assert Driver(asha(9)).report("a", 1, 1e30) == CONTINUE


def test_the_best_that_the_plan_speaks_of_are_three() -> None:
    assert SPARED == 3


def test_equals_go_on_together() -> None:
    driver = Driver(asha(9))
    assert [driver.report(f"t{i}", 1, 0.1) for i in range(60)] == [CONTINUE] * 60


def test_a_trial_is_compared_once_at_a_rung_and_again_at_the_next() -> None:
    driver = Driver(asha(10))
    for epoch in (1, 2, 3, 4):
        driver.report("a", epoch, 0.5)
    assert [(event.trial, event.rung) for event in driver.events] == [("a", 1), ("a", 3)]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, "x"])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_trial_without_a_finite_metric_stops_at_a_rung(bad: Any, goal: str, strict: bool) -> None:
    driver = Driver(asha(10, min_iter=2, goal=goal, strict=strict))
    assert driver.report("first", 1, bad) == CONTINUE
    assert driver.report("first", 2, bad) == STOP
    assert driver.report("second", 2, 0.5) == CONTINUE
    assert driver.report("second", 3, bad) == CONTINUE
    assert driver.report("third", 1, 0.5) == CONTINUE
    assert driver.report("third", 2, bad) == STOP
    assert driver.stopped == {"first": 2, "third": 2}


def test_a_diverged_trial_is_not_compared_by_what_it_had_before() -> None:
    driver = Driver(asha(10))
    assert driver.report("a", 1, 0.0, early_stop_reason="NaN") == STOP
    assert driver.report("b", 1, 0.5) == CONTINUE


def test_a_trial_without_a_finite_metric_spoils_no_comparison() -> None:
    driver = Driver(asha(9, goal="maximize"))
    for number in range(5):
        driver.report(f"bad{number}", 1, math.inf)
    for number in range(FEWEST):
        assert driver.report(f"good{number}", 1, 0.2) == CONTINUE
    assert driver.report("c", 1, 0.1) == STOP


def test_numbers_of_other_libraries_are_compared() -> None:
    driver = Driver(asha(9, time_attr="step"))
    reports = [np.float32(0.5), np.array(0.4), np.float64(0.3), np.int64(0), 1]
    decisions = [driver.report(f"t{i}", None, v, step=np.int64(1)) for i, v in enumerate(reports)]
    assert decisions == [CONTINUE, CONTINUE, CONTINUE, CONTINUE, STOP]


def test_a_report_without_the_metric_passes() -> None:
    driver = Driver(asha(9))
    driver.report("good", 1, 0.0)
    assert driver.report("a", 1) == CONTINUE
    assert driver.report("b", 1, **{METRIC: None}) == CONTINUE


def test_a_trial_that_had_no_metric_at_a_rung_is_compared_at_it_as_soon_as_it_has() -> None:
    driver = with_others(asha(10, min_iter=3), 3, 0.5)
    assert driver.report("late", 3) == CONTINUE
    assert driver.report("late", 4) == CONTINUE
    assert driver.report("late", 5, 1.0) == STOP
    assert driver.events[-1] == Compared("late", 3, 1.0, True, epoch=5)
    assert driver.report("early", 3) == CONTINUE
    assert driver.report("early", 5, 0.1) == CONTINUE


def test_of_a_function_only_reports_with_the_metric_count() -> None:
    """W&B counts how often the metric was logged: validation in every tenth report, say."""

    def reported(driver: Driver, name: str, value: float) -> list[int]:
        """The reports in which the trial is compared, or stopped."""
        before = len(driver.events)
        for number in range(1, 61):
            values = {METRIC: value} if number % 10 == 0 else {}
            if driver.report(name, None, training_iteration=number, **values) == STOP:
                break
        events = [event for event in driver.events[before:] if isinstance(event, Compared)]
        return [event.epoch for event in events]

    driver = Driver(asha(None, min_iter=2, time_attr=ITERATION))
    for number in range(FEWEST):
        # The rungs are 2, 6, 18, ...
        assert reported(driver, f"good{number}", 0.1) == [20, 60]
    assert reported(driver, "bad", 1.0) == [20]
    assert driver.stopped["bad"] == 20
    assert [rung for rung, _ in driver.outcomes.of("good0").curve] == [1, 2, 3, 4, 5, 6]
    later = restored(driver, min_iter=2, max_epochs=None)
    assert later.outcomes.of("good0").curve == driver.outcomes.of("good0").curve
    assert reported(later, "good0", 0.1) == []


def test_a_report_beyond_several_rungs_is_compared_at_the_highest_only() -> None:
    driver = with_others(asha(28), 9)
    assert driver.report("slow", 10, 1.0) == STOP
    assert driver.events[-1] == Compared("slow", 9, 1.0, True, epoch=10)


@pytest.mark.parametrize("value", [1.0, math.nan, None])
@pytest.mark.parametrize("max_epochs", [9, 10])
def test_the_last_epoch_is_never_stopped(value: float | None, max_epochs: int) -> None:
    """So a trial that trained all it was to is never called stopped."""
    driver = Driver(asha(max_epochs))
    for epoch in range(1, max_epochs + 1):
        driver.report("good", epoch, 0.0)
    assert driver.report("bad", max_epochs, value) == CONTINUE


@pytest.mark.parametrize("epoch", [None, math.nan, "3"])
def test_a_report_that_does_not_say_how_far_the_trial_is_passes(epoch: Any) -> None:
    driver = Driver(asha(9))
    driver.report("good", 1, 0.0)
    assert driver.report("a", epoch, 1.0) == CONTINUE


def test_a_trial_may_end_anywhere_and_is_forgotten() -> None:
    driver = Driver(asha(10, min_iter=3))
    ends = [(2, 0.5), (3, 0.5), (5, math.nan), (6, None), (10, 0.5), (10, None), (1, math.inf)]
    for number, (epoch, value) in enumerate(ends):
        driver.report(f"t{number}", epoch, value)
        driver.complete(f"t{number}")
    waiting: Any = driver.trials["t0"]
    driver.scheduler.on_trial_remove(driver, waiting)
    assert driver.scheduler._compared_at == {}
    assert driver.report("after", 3, 0.1) == CONTINUE


@pytest.mark.parametrize(("strict", "decision"), [(True, STOP), (False, CONTINUE)])
def test_the_best_so_far_counts_where_strict_is_false(strict: bool, decision: str) -> None:
    driver = with_others(asha(10, min_iter=3, strict=strict), 3, 0.5)
    assert driver.report("b", 1, math.nan) == CONTINUE
    assert driver.report("b", 2, 0.4) == CONTINUE
    assert driver.report("b", 3, 0.9) == decision


@pytest.mark.parametrize("seed", range(3))
def test_a_restored_search_predicts_as_if_it_had_not_been_interrupted(seed: int) -> None:
    driver = Driver(asha(EPOCHS, min_iter=3))
    given = curves(30, seed)
    for trial, curve in enumerate(given):
        for epoch, value in enumerate(curve[: 3 + trial % 7], 1):
            if driver.report(f"t{trial}", epoch, value) == STOP:
                break
    later = restored(driver, max_epochs=EPOCHS, min_iter=3)
    before, after = (each.scheduler._curves.predictions() for each in (driver, later))
    assert before.keys() == after.keys()
    means = np.array([[before[name].mean, after[name].mean] for name in before]).T
    assert np.abs(means[0] - means[1]).max() < 0.3 * means[0].std()
    assert spearmanr(*means).statistic > 0.97


def test_a_restored_trial_that_repeats_epochs_is_not_compared_again() -> None:
    driver = Driver(asha(10))
    driver.report("a", 1, 0.5)
    driver.report("a", 2, 0.5)
    later = restored(driver, max_epochs=10)
    assert later.report("a", 1, 0.5) == CONTINUE
    assert later.report("a", 2, 0.5) == CONTINUE
    assert [event.rung for event in later.events] == [1]


def test_a_trial_that_is_tried_again_after_a_failure_is_not_compared_again() -> None:
    driver = Driver(asha(10))
    driver.report("a", 1, 0.5)
    driver.report("good", 1, 0.1)
    driver.trials["a"].retried = True
    driver.scheduler.on_trial_error(driver, driver.trials["a"])
    driver.add("a", driver.trials["a"].last_result)
    assert driver.report("a", 1, 0.5) == CONTINUE


def test_a_restored_trial_whose_stop_came_too_late_for_the_session_stops_at_once() -> None:
    driver = with_others(asha(10))
    driver.add("bad")
    bad: Any = driver.trials["bad"]
    driver.outcomes.of("bad").add({"epoch": 1, METRIC: 1.5})
    assert driver.scheduler.on_trial_result(driver, bad, {"epoch": 1, METRIC: 1.5}) == STOP
    assert restored(driver, max_epochs=10).report("bad", 2, 0.0) == STOP


def test_no_global_random_generator_is_used() -> None:
    before = np.random.get_state()[1].tolist()
    driver = Driver(asha(10))
    for number in range(20):
        driver.report(f"t{number}", 1, 0.5)
    assert np.random.get_state()[1].tolist() == before


def test_a_decision_stays_cheap_with_a_thousand_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune decides in its event loop: all curves are looked at only at a hundredth more reports."""
    fits: list[int] = []
    predicted: list[int] = []
    predict = LearningCurves._predict

    def counted(curves: Sequence[Curve], *arguments: Any) -> tuple[PowerLaws, Sums]:
        fits.append(len(curves))
        return fitted(curves, *arguments)

    def noted(self: LearningCurves, laws: PowerLaws, trials: Sequence[str], sums: Sums) -> None:
        predicted.append(len(trials))
        predict(self, laws, trials, sums)

    monkeypatch.setattr(LearningCurves, "_predict", noted)
    monkeypatch.setattr(curves_module, "fitted", counted)
    driver = Driver(asha(10))
    values = np.random.default_rng(0).normal(size=1000).tolist()
    for number, value in enumerate(values[:-100]):
        driver.outcomes.of(f"t{number}").add({"epoch": 1, METRIC: value})
    for number, value in enumerate(values[-100:]):
        driver.report(f"last{number}", 1, value)
        driver.complete(f"last{number}")
    assert fits[0] == 901
    assert len(fits) == 10
    assert sorted(predicted) == [1] * 90 + fits


@pytest.mark.parametrize("min_iter", [10, 11, 1000])
def test_rungs_beyond_the_last_epoch_stop_nothing(min_iter: int) -> None:
    assert not isinstance(made(sweep(Hyperband(min_iter)), 10), Asha)


def test_a_sweep_without_hyperband_stops_nothing() -> None:
    driver = Driver(made(Sweep("random", (), {}), None))
    assert {driver.report(f"t{i}", 3, float(i)) for i in range(9)} == {CONTINUE}
    assert not isinstance(driver.scheduler, Asha)


@pytest.mark.parametrize("named", [None, "y"])
def test_of_several_metrics_the_first_or_a_named_one_decides(named: str | None) -> None:
    metrics = (Metric(METRIC, "minimize"), Metric("y", "maximize"))
    read = Sweep("custom", metrics, {}, Hyperband(1, metric=named))
    scheduler = made(read, 9)
    driver = with_others(scheduler, 0)
    for number in range(9):
        driver.report(f"good{number}", 1, 0.1 + 0.001 * number, y=0.9 - 0.001 * number)
    by_first, by_y = (STOP, CONTINUE) if named is None else (CONTINUE, STOP)
    assert driver.report("bad in the first", 1, 5.0, y=0.91) == by_first
    assert driver.report("bad in y", 1, 0.09, y=-4.0) == by_y
    outcome = driver.outcomes.of("bad in y")
    assert outcome.curve == [(1, 0.09 if named is None else -4.0)]
