"""The Gaussian process: what it learns from, believes and does not suggest again."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from studies import CATEGORIES, ONE_RANGE, points, study_of

from pcsearch.engine.search.sampling.gaussian_process import (
    CLOSE,
    MOST_LISTED,
    MOST_PREDICTED,
    MOST_TRIALS,
    MOST_TRIALS_OF_SEVERAL,
    GaussianProcessSampler,
    most_telling,
    noise_of,
)
from pcsearch.engine.search.sampling.imputation import DEVIATION
from pcsearch.engine.search.sampling.samplers import suggest
from pcsearch.engine.search.sampling.squashing import squashed
from pcsearch.engine.search.sampling.study_view import ViewableStorage, quiet_optuna


def process_study() -> optuna.Study:
    """A study of the process alone, without Sobol points before it."""
    storage = ViewableStorage()
    with quiet_optuna():
        return optuna.create_study(storage=storage, sampler=GaussianProcessSampler(0, storage))


def ended_trial(x: float, value: float) -> FrozenTrial:
    return create_trial(params={"x": x}, distributions=ONE_RANGE, value=value)


@pytest.mark.parametrize("most", [MOST_TRIALS, MOST_PREDICTED])
def test_it_learns_from_the_better_and_the_newest_of_many_trials(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    real = optuna.samplers.GPSampler.sample_relative

    def noted(self: Any, study: Any, trial: Any, space: Any) -> Any:
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        seen.append([each.number for each in ended])
        return real(self, study, trial, space)

    monkeypatch.setattr(optuna.samplers.GPSampler, "sample_relative", noted)
    study = process_study()
    count = most + 50
    for number in range(count):
        value = abs(number - 30)
        trial = ended_trial(value / count, value)
        if most == MOST_PREDICTED:
            trial.set_user_attr(DEVIATION, 0.1)
        study.add_trial(trial)
    study.ask(ONE_RANGE)
    (learnt,) = seen
    assert len(learnt) == most
    assert set(range(most // 2 - 20)) <= set(learnt), "the better ones"
    assert set(range(count - most // 2 + 10, count)) <= set(learnt), "the newest"


@pytest.mark.parametrize("high", [MOST_LISTED - 1, MOST_LISTED, 2**53])
def test_wide_ranges_of_whole_numbers_are_searched_too(high: int) -> None:
    space: dict[str, BaseDistribution] = {"n": IntDistribution(0, high)}
    study = study_of("gp", space)
    best = 1.0
    for _ in range(14):
        trial = suggest(study, space)
        assert type(trial.params["n"]) is int
        distance = abs(trial.params["n"] / high - 0.31)
        study.tell(trial, distance)
        best = min(best, distance)
    assert best < 0.01


def test_each_predicted_value_has_its_own_noise() -> None:
    imputed, measured, *predicted = (ended_trial(x, x) for x in (0.1, 0.1, 0.2, 0.3, 0.4))
    measured.user_attrs = {DEVIATION: 0.0}
    assert noise_of([imputed, measured], [imputed, measured]) is None
    for trial, deviation in zip(predicted, (0.1, 0.2, 0.5), strict=True):
        trial.user_attrs = {DEVIATION: deviation}
    ended = [imputed, measured, *predicted]
    noise = noise_of(ended, ended)
    assert noise is not None
    assert noise.tolist() == pytest.approx([0.04, 0.01, 0.01, 0.04, 0.25])
    # One that was squashed makes none surer.
    far = ended_trial(0.5, 1e6)
    far.user_attrs = {DEVIATION: 0.3}
    known = [*ended, far]
    shown = squashed(known, [StudyDirection.MINIMIZE])
    assert shown[-1].user_attrs[DEVIATION] < 1e-6
    noise = noise_of(known, shown)
    assert noise is not None
    assert noise[1:].tolist() == pytest.approx([0.01, 0.01, 0.04, 0.25, 0.01])


def test_of_several_objectives_it_learns_from_the_front_first() -> None:
    with quiet_optuna():
        study = optuna.create_study(directions=["minimize", "maximize"])
    for number in range(100):
        on_front = number % 5 == 0
        values = (number / 100, number / 100 - (0 if on_front else 9))
        study.add_trial(create_trial(values=values))
    ended = study.get_trials(deepcopy=False)
    learnt = [trial.number for trial in most_telling(study, ended)]
    assert len(learnt) == MOST_TRIALS_OF_SEVERAL
    assert set(range(0, 100, 5)) <= set(learnt)
    assert set(range(80, 100)) <= set(learnt), "the newest"


def test_running_trials_are_believed_to_measure_what_is_predicted() -> None:
    study = process_study()
    for number in range(6):
        study.add_trial(ended_trial(number / 5, (number / 5 - 0.5) ** 2))
    first, *others = [study.ask(ONE_RANGE).params["x"] for _ in range(4)]
    assert first == pytest.approx(0.5, abs=0.05)
    assert all(abs(x - first) > CLOSE for x in others)


def test_a_matrix_that_cannot_be_factored_costs_one_random_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("linalg.cholesky: the input is not positive-definite")

    monkeypatch.setattr(optuna.samplers.GPSampler, "sample_relative", fail)
    assert len(points(study_of("gp"), 12)) == 12


def test_all_combinations_come_before_any_comes_twice() -> None:
    suggested = points(study_of("gp", CATEGORIES), 8, CATEGORIES)
    assert len({repr(point) for point in suggested}) == 8
    assert len(points(study_of("gp", CATEGORIES), 12, CATEGORIES)) == 12
