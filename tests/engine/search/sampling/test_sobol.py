"""Sobol points: those of Optuna's own sampler, spread over every range, one for each number."""

from __future__ import annotations

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from studies import MIXED

from pcsearch.engine.search.sampling.sobol import SobolSampler
from pcsearch.engine.search.sampling.study_view import quiet_optuna


def test_they_are_the_points_of_optunas_sampler() -> None:
    """It draws its first point at random; its second is the first of the sequence."""
    space = {**MIXED, "one": FloatDistribution(2, 2)}
    with quiet_optuna():
        optunas = optuna.samplers.QMCSampler(scramble=True, seed=7, warn_independent_sampling=False)
        theirs = optuna.create_study(sampler=optunas)
        ours = optuna.create_study(sampler=SobolSampler(space, 7))
        for _ in range(65):
            theirs.tell(theirs.ask(MIXED), 0.0)
            ours.tell(ours.ask(space), 0.0)
    expected = [trial.params | {"one": 2.0} for trial in theirs.trials[1:]]
    assert [trial.params for trial in ours.trials[:64]] == expected


def test_the_first_are_spread_over_every_range() -> None:
    space: dict[str, BaseDistribution] = {f"p{i}": FloatDistribution(0, 1) for i in range(5)}
    with quiet_optuna():
        study = optuna.create_study(sampler=SobolSampler(space, 0))
        first = [study.ask(space).params for _ in range(8)]
    for name in space:
        assert sorted(int(point[name] * 8) for point in first) == list(range(8))


def test_a_trial_gets_the_point_of_its_number_in_any_study() -> None:
    with quiet_optuna():
        whole = optuna.create_study(sampler=SobolSampler(MIXED, 3))
        points = [whole.ask(MIXED).params for _ in range(6)]
        resumed = optuna.create_study(sampler=SobolSampler(MIXED, 3))
        resumed.add_trials(whole.trials[:4])
        assert [resumed.ask(MIXED).params for _ in range(2)] == points[4:]


def test_the_points_of_every_fourth_trial_are_spread_over_every_range_too() -> None:
    """Every fourth point of one sequence would lie in one quarter of its first two axes."""
    space: dict[str, BaseDistribution] = {f"p{i}": FloatDistribution(0, 1) for i in range(5)}
    with quiet_optuna():
        study = optuna.create_study(sampler=SobolSampler(space, 0, every=4))
        points = [study.ask(space).params for _ in range(64)][3::4]
    for name in space:
        assert sorted(int(point[name] * 16) for point in points) == list(range(16))
    quarters = [(point["p0"] > 0.5, point["p1"] > 0.5) for point in points]
    assert [quarters.count(each) for each in set(quarters)] == [4] * 4
