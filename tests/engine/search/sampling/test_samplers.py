"""Optuna's samplers by their names: each suggests, learns, bears everything, repeats itself."""

from __future__ import annotations

import math
import warnings
from typing import Any, get_args

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from studies import CATEGORIES, LOSS, MIXED, ONE_RANGE, bowl, points, study_of

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.search.sampling import samplers
from pcsearch.engine.search.sampling.samplers import startup_trials, suggest
from pcsearch.sweeps.metrics import Metric

NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
SPACES: dict[str, dict[str, BaseDistribution]] = {
    "mixed": MIXED,
    "one range": ONE_RANGE,
    "whole numbers": {"n": IntDistribution(-3, 3)},
    "whole numbers that no memory holds": {"n": IntDistribution(-(2**53), 2**53)},
    "categories": CATEGORIES,
    "a single value beside": {"x": FloatDistribution(0, 1), "one": FloatDistribution(2, 2)},
    "nothing": {},
}


@pytest.mark.parametrize("name", NAMES)
class TestEverySampler:
    """What the searcher may rely on from any of them."""

    @pytest.mark.parametrize("kind", SPACES)
    def test_it_searches_any_space(self, name: SamplerName, kind: str) -> None:
        space = SPACES[kind]
        for point in points(study_of(name, space), 10, space):
            assert point.keys() == space.keys()
            for key, value in point.items():
                assert space[key]._contains(space[key].to_internal_repr(value))

    def test_the_same_seed_and_results_suggest_the_same(self, name: SamplerName) -> None:
        first = points(study_of(name, seed=3), 10)
        assert points(study_of(name, seed=3), 10) == first
        assert points(study_of(name, seed=4), 10) != first

    def test_it_bears_trials_that_fail_diverge_or_run_for_ever(self, name: SamplerName) -> None:
        study = study_of(name)
        for number in range(14):
            trial = suggest(study, MIXED)
            if number % 4 == 1:
                study.tell(trial, math.inf)
            elif number % 4 == 2:
                study.tell(trial, state=TrialState.FAIL)
            elif number % 4 == 3:
                study.tell(trial, bowl(trial.params))
        assert len(study.trials) == 14

    def test_nothing_that_diverges_repeats_itself_for_ever(self, name: SamplerName) -> None:
        study = study_of(name, ONE_RANGE)
        suggested = []
        for _ in range(12):
            trial = suggest(study, ONE_RANGE)
            suggested.append(trial.params["x"])
            study.tell(trial, math.inf)
        assert len(set(suggested)) == 12

    def test_running_trials_are_not_suggested_again(self, name: SamplerName) -> None:
        study = study_of(name)
        points(study, 9)
        pending = [suggest(study, MIXED).params for _ in range(4)]
        assert len({repr(each) for each in pending}) == 4

    def test_it_says_nothing_on_the_terminal(
        self, name: SamplerName, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            points(study_of(name), 8)
        out, err = capfd.readouterr()
        assert out + err == ""

    def test_running_trials_may_count_as_what_they_have_reported(self, name: SamplerName) -> None:
        metric = Metric("loss", "minimize", impute_while_running="latest")
        outcomes: dict[int, TrialOutcome] = {}
        study = study_of(name, metrics=(metric,), outcomes=outcomes)
        for number in range(8):
            suggest(study, MIXED)
            outcome = TrialOutcome("t", (metric,), latest=[float(number)], best=[0.0])
            outcomes[number] = outcome
        assert len({repr(trial.params) for trial in study.trials}) == 8


@pytest.mark.parametrize("name", ["auto", "gp", "tpe", "cmaes"])
def test_what_learns_finds_a_bowl_better_than_random_draws(name: SamplerName) -> None:
    space: dict[str, BaseDistribution] = {k: FloatDistribution(-5, 5) for k in ("x", "n")}

    def best(of: SamplerName) -> list[float]:
        studies = (study_of(of, space, 40, seed) for seed in range(3))
        return sorted(min(map(bowl, points(study, 25, space))) for study in studies)

    assert best(name)[1] < best("random")[1] / 2


@pytest.mark.parametrize("name", ["auto", "gp"])
@pytest.mark.parametrize(("cap", "startup"), [(1, 4), (20, 4), (35, 7), (50, 10), (10**6, 10)])
def test_a_fifth_of_the_trials_is_spread_before_any_learning(
    name: SamplerName, cap: int, startup: int
) -> None:
    """As many suggestions as these do not depend on the results, and the next one does."""
    up = points(study_of(name, cap=cap), startup + 1)
    down = points(study_of(name, cap=cap), startup + 1, sign=-1)
    first = next(i for i, pair in enumerate(zip(up, down, strict=True)) if pair[0] != pair[1])
    assert first == startup == startup_trials(cap)


def test_auto_goes_over_to_tpe_as_the_study_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "GP_TRIALS", 6)
    asked: list[str] = []
    for kind in (optuna.samplers.GPSampler, optuna.samplers.TPESampler):

        def noted(self: Any, *given: Any, real: Any = kind.sample_relative, of: Any = kind) -> Any:
            asked.append(of.__name__)
            return real(self, *given)

        monkeypatch.setattr(kind, "sample_relative", noted)
    points(study_of("auto"), 10)
    assert asked == ["GPSampler"] * 2 + ["TPESampler"] * 4


def test_where_auto_is_tpe_no_sobol_points_come_first() -> None:
    space: dict[str, BaseDistribution] = {f"p{i}": FloatDistribution(0, 1) for i in range(51)}
    assert points(study_of("auto", space), 3, space) == points(study_of("tpe", space), 3, space)


def test_every_session_draws_anew_but_sobol_points_continue() -> None:
    """A resumed search must not draw the same configurations again."""
    first = study_of("random")
    drawn = points(first, 4)
    assert points(study_of("random", trials=first.trials), 4) != drawn
    whole = points(study_of("qmc"), 8)
    half = study_of("qmc")
    points(half, 4)
    assert points(study_of("qmc", trials=half.trials), 4) == whole[4:]


def test_cmaes_continues_from_the_best_trials_of_a_study() -> None:
    space: dict[str, BaseDistribution] = {k: FloatDistribution(-5, 5) for k in ("x", "n")}
    near = [
        optuna.trial.create_trial(
            params={"x": 1.7 + i / 100, "n": 3 - i / 100}, distributions=space, value=i / 100
        )
        for i in range(12)
    ]
    for seed in range(3):
        resumed, new = study_of("cmaes", space, seed=seed, trials=near), study_of("cmaes", space)
        worth = [sum(map(bowl, points(study, 6, space))) for study in (resumed, new)]
        assert worth[0] < worth[1] / 2


@pytest.mark.parametrize("count", [1, 5, 9])
def test_cmaes_bears_a_study_of_few_trials(count: int) -> None:
    """Optuna takes the best tenth of them, and fails where that is none."""
    space: dict[str, BaseDistribution] = {k: FloatDistribution(-5, 5) for k in ("x", "n")}
    few = [
        optuna.trial.create_trial(params={"x": 1.0, "n": i / 9}, distributions=space, value=i)
        for i in range(count)
    ]
    assert len(points(study_of("cmaes", space, trials=few), 3, space)) == 3


def test_cmaes_learns_through_the_view_of_its_study() -> None:
    """Its state lies with the trials: a view that swallowed it would leave it where it began."""
    space: dict[str, BaseDistribution] = {k: FloatDistribution(-5, 5) for k in ("x", "n")}
    metric = Metric("loss", "minimize", impute_while_running="worst")
    study = study_of("cmaes", space, metrics=(metric,))
    points(study, 60, space)
    generations = [trial.system_attrs.get("cma:generation", 0) for trial in study.trials]
    assert generations[-1] > 3


def test_a_study_has_the_goals_of_its_metrics() -> None:
    study = study_of("tpe", metrics=(LOSS, Metric("accuracy", "maximize")))
    assert [each.name for each in study.directions] == ["MINIMIZE", "MAXIMIZE"]
