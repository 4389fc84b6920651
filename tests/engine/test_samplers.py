"""The sampler of ``bayes``: random first, then a Gaussian process, then TPE."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest

from pcsearch.engine import samplers
from pcsearch.engine.samplers import BayesSampler, make_sampler

Point = dict[str, Any]


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def point(trial: optuna.Trial) -> Point:
    return {
        "x": trial.suggest_float("x", -5, 5),
        "y": trial.suggest_float("y", 0.001, 10, log=True),
        "n": trial.suggest_int("n", 0, 9),
        "c": trial.suggest_categorical("c", [0, 1, 2]),
    }


def bowl(at: Point) -> float:
    return float((at["x"] - 1.7) ** 2 + (at["n"] - 3) ** 2 / 4 + at["c"])


def study_of(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    return optuna.create_study(sampler=sampler)


def points(sampler: optuna.samplers.BaseSampler, count: int, sign: int = 1) -> list[Point]:
    """What the sampler suggests when each result comes before the next suggestion."""
    study, suggested = study_of(sampler), []
    for _ in range(count):
        trial = study.ask()
        suggested.append(point(trial))
        study.tell(trial, sign * bowl(suggested[-1]))
    return suggested


def common_start(first: list[Point], second: list[Point]) -> int:
    return next((i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b), -1)


@pytest.mark.parametrize(
    ("cap", "startup"), [(1, 4), (20, 4), (24, 4), (25, 5), (35, 7), (50, 10), (10**6, 10)]
)
def test_a_fifth_of_the_trials_up_to_ten_is_random_first(cap: int, startup: int) -> None:
    """As many suggestions as these do not depend on the results, and the next one does."""
    up = points(make_sampler(cap, seed=1), startup + 1)
    down = points(make_sampler(cap, seed=1), startup + 1, sign=-1)
    assert common_start(up, down) == startup


def test_the_process_suggests_up_to_its_limit_and_tpe_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(samplers, "GP_TRIALS", 6)
    asked: list[str] = []
    for kind in (optuna.samplers.GPSampler, optuna.samplers.TPESampler):

        def noted(
            self: Any, *args: Any, real: Any = kind.sample_relative, name: str = kind.__name__
        ) -> Any:
            asked.append(name)
            return real(self, *args)

        monkeypatch.setattr(kind, "sample_relative", noted)
    points(BayesSampler(startup_trials=2, seed=0), 10)
    assert asked == ["GPSampler"] * 4 + ["TPESampler"] * 4


def test_the_switch_comes_before_suggestions_take_seconds() -> None:
    assert 100 <= samplers.GP_TRIALS <= 300


def test_the_same_seed_and_results_suggest_the_same() -> None:
    first = points(make_sampler(20, seed=3), 8)
    assert points(make_sampler(20, seed=3), 8) == first
    other = points(make_sampler(20, seed=4), 8)
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("after", [3, 8], ids=["process", "TPE"])
def test_reseeded_it_draws_something_else(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "GP_TRIALS", 5)
    # All suggestions are random ones here: of the process's startup, or of TPE's own.
    suggested = []
    for reseed in (False, True):
        sampler = BayesSampler(startup_trials=5, seed=0)
        study = study_of(sampler)
        for _ in range(after):
            study.tell(trial := study.ask(), bowl(point(trial)))
        if reseed:
            sampler.reseed_rng()
        suggested.append(point(study.ask()))
    assert suggested[0] != suggested[1]


def test_trials_under_way_are_not_suggested_again() -> None:
    study = study_of(make_sampler(20, seed=0))
    for _ in range(5):
        trial = study.ask()
        study.tell(trial, bowl(point(trial)))
    pending = [point(study.ask()) for _ in range(4)]
    assert len({repr(each) for each in pending}) == 4


@pytest.mark.parametrize("worst", [math.inf, 5.0], ids=["all diverge", "all alike"])
def test_suggestions_stay_random_until_two_results_differ(worst: float) -> None:
    """A process that cannot tell good from bad would suggest the same corners for ever."""
    study, found = study_of(make_sampler(20, seed=0)), []
    for _ in range(15):
        trial = study.ask()
        found.append(trial.suggest_float("x", 0, 1))
        study.tell(trial, worst)
    assert len(set(found)) == 15
    assert all(0 < x < 1 for x in found)


def lowest(sampler: optuna.samplers.BaseSampler) -> float:
    """The lowest point of a round bowl, at 0, that 30 trials find."""

    def height(trial: optuna.Trial) -> float:
        return (trial.suggest_float("x", -5, 5) - 1.7) ** 2 + (
            trial.suggest_float("y", -5, 5) + 0.4
        ) ** 2

    study = study_of(sampler)
    study.optimize(height, n_trials=30)
    return study.best_value


def test_it_finds_the_bottom_of_a_bowl_much_better_than_random_draws_do() -> None:
    random = [lowest(optuna.samplers.RandomSampler(seed)) for seed in range(9)]
    assert lowest(make_sampler(30, seed=0)) < min(random) / 5
