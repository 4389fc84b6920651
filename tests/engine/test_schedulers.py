"""ASHA, driven by hand: where trials are compared, which stop, and what never stops."""

from __future__ import annotations

import math
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from pcsearch.engine.schedulers import Asha, make_scheduler
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.sweep import Metric, Sweep

METRIC = "best_val_mse"
CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


def sweep(hyperband: Hyperband | None, goal: Any = "minimize") -> Sweep:
    return Sweep("random", Metric(METRIC, goal), {}, hyperband)


class Driver:
    """Stands in for Tune: adds trials to a scheduler and hands it their reports."""

    def __init__(
        self, max_epochs: int, min_iter: int = 1, eta: float = 3, goal: str = "minimize"
    ) -> None:
        made = make_scheduler(sweep(Hyperband(min_iter, eta), goal), max_epochs)
        assert isinstance(made, Asha)
        self.scheduler: Asha = made
        self.trials: dict[str, Any] = {}

    def report(self, name: str, epoch: int, value: Any = None, **more: Any) -> str:
        """The scheduler's decision on a report; None for one without the metric."""
        controller: Any = None
        if name not in self.trials:
            self.trials[name] = SimpleNamespace(trial_id=name)
            self.scheduler.on_trial_add(controller, self.trials[name])
        result = {"epoch": epoch, **({} if value is None else {METRIC: value}), **more}
        return self.scheduler.on_trial_result(controller, self.trials[name], result)

    def complete(self, name: str, epoch: int, value: Any = None) -> None:
        controller: Any = None
        result = {"epoch": epoch, **({} if value is None else {METRIC: value})}
        self.scheduler.on_trial_complete(controller, self.trials[name], result)


@pytest.mark.parametrize(
    ("min_iter", "eta", "max_epochs"),
    [
        (1, 3, 9),
        (1, 3, 10),
        (3, 3, 81),
        (3, 3, 82),
        (2, 2, 16),
        (1, 10, 1000),
        (1, 10, 1001),
        (3, 2.5, 20),
        (2, 1.5, 12),
        (1, 1.1, 8),
        (5, 4, 6),
        (4, 3, 75),
        (1, 3, 243),
        (7, 1.01, 9),
    ],
)
def test_trials_are_compared_at_the_rungs_of_the_sweep_and_nowhere_else(
    min_iter: int, eta: float, max_epochs: int
) -> None:
    """A good trial goes first; a bad one that skips to an epoch is stopped only at a rung."""
    hyperband = Hyperband(min_iter, eta)
    driver = Driver(max_epochs, min_iter, eta)
    for epoch in range(1, max_epochs + 1):
        assert driver.report("good", epoch, 0.0) == CONTINUE
    stopped = set()
    for rung in (0, *hyperband.rungs(max_epochs)):
        bad = f"bad after {rung}"
        # It is as good as the other up to this rung, and passes it.
        for epoch in range(1, max_epochs + 1):
            if driver.report(bad, epoch, 0.0 if epoch <= rung else 1.0) == STOP:
                stopped.add(epoch)
                break
    assert tuple(sorted(stopped)) == hyperband.rungs(max_epochs)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize(("eta", "kept"), [(3, 4), (2, 5), (4, 3)])
def test_the_best_share_goes_on_after_a_rung(goal: str, eta: float, kept: int) -> None:
    """Nine are there; the one after them goes on if it is among the best 1/eta of them."""
    sign = 1 if goal == "minimize" else -1
    going_on = []
    for new in range(10):
        driver = Driver(10, min_iter=2, eta=eta, goal=goal)
        # From bad to good, so that none of the nine is stopped.
        for value in range(8, -1, -1):
            assert driver.report(f"t{value}", 2, sign * float(value)) == CONTINUE
        going_on.append(driver.report("new", 2, sign * (new - 0.5)) == CONTINUE)
    assert going_on == [True] * kept + [False] * (10 - kept)


def test_the_first_at_a_rung_goes_on_however_bad() -> None:
    assert Driver(9).report("a", 1, 1e30) == CONTINUE


def test_equals_go_on_together() -> None:
    driver = Driver(9)
    assert [driver.report(f"t{i}", 1, 0.5) for i in range(6)] == [CONTINUE] * 6


def test_a_trial_is_compared_once_at_a_rung_and_again_at_the_next() -> None:
    driver = Driver(10, min_iter=1, eta=3)
    assert driver.report("late", 1, 0.5) == CONTINUE
    for epoch in (1, 2, 3):
        assert driver.report("good", epoch, 0.1) == CONTINUE
    assert driver.report("late", 2, 0.5) == CONTINUE
    assert driver.report("late", 3, 0.5) == STOP


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float64("nan")])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_a_trial_without_a_finite_metric_stops_at_a_rung(bad: float, goal: str) -> None:
    driver = Driver(9, goal=goal)
    assert driver.report("first", 1, bad) == STOP
    assert driver.report("second", 1, 0.5) == CONTINUE
    assert driver.report("third", 1, bad) == STOP


def test_a_trial_without_a_finite_metric_spoils_no_comparison() -> None:
    driver = Driver(9, goal="maximize")
    for number in range(5):
        driver.report(f"bad{number}", 1, math.inf)
        driver.complete(f"bad{number}", 1, math.inf)
    assert driver.report("a", 1, 0.1) == CONTINUE
    assert driver.report("b", 1, 0.2) == CONTINUE
    assert driver.report("c", 1, 0.1) == STOP


def test_a_report_without_the_metric_passes() -> None:
    driver = Driver(9)
    driver.report("good", 1, 0.0)
    assert driver.report("a", 1) == CONTINUE
    assert driver.report("b", 1, **{METRIC: None}) == CONTINUE


def test_a_trial_that_had_no_metric_at_a_rung_is_compared_as_soon_as_it_has() -> None:
    driver = Driver(10, min_iter=3)
    driver.report("good", 3, 0.0)
    assert driver.report("late", 3) == CONTINUE
    assert driver.report("late", 5, 1.0) == STOP


@pytest.mark.parametrize("value", [1.0, math.nan, None])
@pytest.mark.parametrize("max_epochs", [9, 10])
def test_the_last_epoch_is_never_stopped(value: float | None, max_epochs: int) -> None:
    """So a trial that trained all it was to is never called stopped."""
    driver = Driver(max_epochs)
    for epoch in range(1, max_epochs + 1):
        driver.report("good", epoch, 0.0)
    assert driver.report("bad", max_epochs, value) == CONTINUE


def test_a_trial_may_end_anywhere() -> None:
    driver = Driver(10, min_iter=3)
    ends = [(2, 0.5), (3, 0.5), (5, math.nan), (6, None), (10, 0.5), (10, None), (1, math.inf)]
    for number, (epoch, value) in enumerate(ends):
        driver.report(f"t{number}", epoch, value)
        driver.complete(f"t{number}", epoch, value)
    assert driver.report("after", 3, 0.1) == CONTINUE


def test_a_trial_that_ends_without_a_report_is_forgotten() -> None:
    driver = Driver(10)
    driver.report("a", 1, 0.5)
    controller: Any = None
    driver.scheduler.on_trial_complete(controller, driver.trials["a"], {})
    assert driver.report("b", 1, 0.7) == STOP


def test_reports_out_of_order_are_compared_at_the_rung_that_they_reach() -> None:
    driver = Driver(28, min_iter=1, eta=3)
    assert driver.report("fast", 9, 0.2) == CONTINUE
    assert driver.report("slow", 1, 0.9) == CONTINUE
    assert driver.report("fast", 3, 0.2) == CONTINUE
    assert driver.report("slow", 3, 0.9) == STOP
    assert driver.report("other", 9, 0.3) == STOP
    assert driver.report("better", 9, 0.1) == CONTINUE


def test_epochs_of_many_trials_in_any_order_keep_the_best() -> None:
    """Of 27 trials whose values never change, the best ends and at most half get to epoch 9."""
    random = np.random.default_rng(0)
    driver = Driver(27, min_iter=3, eta=3)
    epochs = dict.fromkeys(range(27), 0)
    running = set(epochs)
    while running:
        number = int(random.choice(sorted(running)))
        epochs[number] += 1
        decision = driver.report(f"t{number}", epochs[number], number / 27)
        if decision == STOP or epochs[number] == 27:
            running.discard(number)
            driver.complete(f"t{number}", epochs[number], number / 27)
    assert epochs[0] == 27
    assert set(epochs.values()) <= {3, 9, 27}
    assert sum(epoch >= 9 for epoch in epochs.values()) <= 14
    assert sum(epoch == 27 for epoch in epochs.values()) <= 7


def test_a_restored_scheduler_remembers_the_rungs(tmp_path: Any) -> None:
    first = Driver(10)
    first.report("a", 1, 0.1)
    first.scheduler.save(str(tmp_path / "state"))
    second = Driver(10)
    second.scheduler.restore(str(tmp_path / "state"))
    second.trials = first.trials
    assert second.report("b", 1, 0.5) == STOP
    assert second.report("a", 2, 0.9) == CONTINUE
    pickle.dumps(second.scheduler)


@pytest.mark.parametrize("min_iter", [10, 11, 1000])
def test_rungs_beyond_the_last_epoch_need_no_scheduler(min_iter: int) -> None:
    assert type(make_scheduler(sweep(Hyperband(min_iter)), 10)) is FIFOScheduler


def test_a_sweep_without_hyperband_stops_nothing() -> None:
    assert type(make_scheduler(sweep(None), 10)) is FIFOScheduler
