"""ASHA in simulated searches: how much is trained, and what is found."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from asha_schedulers import EPOCHS, asha, curves
from driving import CONTINUE, STOP, Driver

WORKERS = 8


def search(given: np.ndarray[Any, Any], seed: int) -> Iterator[tuple[int, int]]:
    """Each report of a search in turn, as (trial, epoch); send False to end the trial there."""
    random = np.random.default_rng(seed)
    waiting = iter(range(len(given)))
    events = [(0.0, next(waiting), 0) for _ in range(WORKERS)]
    speed = random.uniform(0.5, 2.0, len(given))
    while events:
        now, trial, epoch = heapq.heappop(events)
        if epoch > 0:
            goes_on = yield trial, epoch
            if not goes_on or epoch == EPOCHS:
                if (trial := next(waiting, -1)) < 0:
                    continue
                epoch = 0
        heapq.heappush(events, (now + speed[trial], trial, epoch + 1))


def run(given: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """How many epochs each trial of a search trains."""
    driver = Driver(asha(EPOCHS, min_iter=3))
    trained = np.zeros(len(given), int)
    reports: Any = search(given, seed)
    trial, epoch = next(reports)
    while True:
        trained[trial] = epoch
        decision = driver.report(f"t{trial}", epoch, float(given[trial, epoch - 1]))
        if epoch == EPOCHS:
            driver.complete(f"t{trial}")
        try:
            trial, epoch = reports.send(decision == CONTINUE)
        except StopIteration:
            return trained


def regret(given: np.ndarray[Any, Any], ended: np.ndarray[Any, Any]) -> float:
    return float(given[ended, -1].min() - given[:, -1].min())


def epochs_until_stopped(driver: Driver, curve: np.ndarray[Any, Any], name: str) -> int:
    for epoch, value in enumerate(curve, 1):
        if driver.report(name, epoch, float(value)) == STOP:
            return epoch
    driver.complete(name)
    return len(curve)


@cache
def trained_beside(*odd: tuple[float, ...]) -> list[int]:
    """How many epochs each of thirty trials trains in a search that odd ones have begun."""
    driver = Driver(asha(EPOCHS, min_iter=3))
    for number, values in enumerate(odd):
        epochs_until_stopped(driver, np.array(values), f"odd{number}")
        driver.complete(f"odd{number}")
    return [epochs_until_stopped(driver, c, f"t{i}") for i, c in enumerate(curves(30, 1))]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([0.2, 0.1, 0.05, math.nan], id="good until it diverges"),
        pytest.param([1.0, 0.9, -1e6, math.nan], id="diverges to the better side"),
        pytest.param([1.0, 0.9, 1e6, math.nan], id="diverges to the worse side"),
    ],
)
def test_a_trial_that_diverges_neither_stops_nor_spares_others(odd: list[float]) -> None:
    best = int(curves(30, 1)[:, -1].argmin())
    alone, beside = trained_beside(), trained_beside(*[tuple(odd)] * 6)
    assert beside[best] == alone[best] == EPOCHS
    assert sum(beside) == pytest.approx(sum(alone), rel=0.3)


def test_a_search_trains_little_and_finds_nearly_the_best() -> None:
    """Of 81 epochs everybody trains 3, and a third each the next 6, 18 and 54: 9 on average.

    The measure of what is found is what as many epochs find in full runs of random trials.
    """
    shares, regrets, random_regrets = [], [], []
    for seed in range(4):
        given = curves(64, seed)
        trained = run(given, seed)
        shares.append(trained.sum() / given.size)
        regrets.append(regret(given, trained == EPOCHS))
        runs = int(trained.sum() // EPOCHS)
        random_regrets.append(regret(given, np.arange(len(given)) < runs))
    assert np.median(shares) < 0.14
    assert np.median(regrets) < np.median(random_regrets) / 2
    assert np.median(regrets) < 0.01, "a half of the noise of one value"
