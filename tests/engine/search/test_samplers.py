"""Optuna's samplers by their names: each suggests, learns, bears everything, repeats itself."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any, get_args

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search import samplers
from pcsearch.engine.search.auto_sampler import check_sampler, pick_sampler
from pcsearch.engine.search.gaussian_process import (
    CLOSE,
    MOST_TRIALS,
    MOST_TRIALS_OF_SEVERAL,
    GaussianProcess,
    _most_telling,
)
from pcsearch.engine.search.imputation import BEST, LATEST, imputed
from pcsearch.engine.search.samplers import make_sampler
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep

NAMES: tuple[SamplerName, ...] = get_args(SamplerName)
SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(-5, 5),
    "y": FloatDistribution(0.001, 10, log=True),
    "n": IntDistribution(0, 9),
    "c": CategoricalDistribution(range(3)),
}
SPACES: dict[str, dict[str, BaseDistribution]] = {
    "mixed": SPACE,
    "one range": {"x": FloatDistribution(0, 1)},
    "whole numbers": {"n": IntDistribution(-3, 3)},
    "categories": {"a": CategoricalDistribution(range(4)), "b": CategoricalDistribution(range(2))},
    "a single value beside": {"x": FloatDistribution(0, 1), "one": FloatDistribution(2, 2)},
    "nothing": {},
}


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def made(
    name: SamplerName, space: dict[str, BaseDistribution] = SPACE, cap: int = 20, **more: Any
) -> optuna.samplers.BaseSampler:
    return make_sampler(name, cap=cap, seed=more.pop("seed", 0), space=space, **more)


def bowl(at: dict[str, Any]) -> float:
    wide = (at.get("x", 0) - 1.7) ** 2 + (at.get("n", 0) - 3) ** 2 / 4
    return float(wide + at.get("c", 0) + at.get("a", 0))


def points(
    sampler: optuna.samplers.BaseSampler,
    count: int,
    space: dict[str, BaseDistribution] = SPACE,
    sign: int = 1,
) -> list[dict[str, Any]]:
    """What a sampler suggests when each result comes before the next suggestion."""
    study = optuna.create_study(sampler=sampler)
    suggested = []
    for _ in range(count):
        trial = study.ask(space)
        suggested.append(trial.params)
        study.tell(trial, sign * bowl(trial.params))
    return suggested


@pytest.mark.parametrize("name", NAMES)
class TestEverySampler:
    """What the searcher may rely on from any of them."""

    @pytest.mark.parametrize("kind", SPACES)
    def test_it_searches_any_space(self, name: SamplerName, kind: str) -> None:
        space = SPACES[kind]
        for point in points(made(name, space), 10, space):
            assert point.keys() == space.keys()
            for key, value in point.items():
                assert space[key]._contains(space[key].to_internal_repr(value))

    def test_the_same_seed_and_results_suggest_the_same(self, name: SamplerName) -> None:
        first = points(made(name, seed=3), 10)
        assert points(made(name, seed=3), 10) == first
        assert points(made(name, seed=4), 10) != first

    def test_it_bears_trials_that_fail_diverge_or_run_for_ever(self, name: SamplerName) -> None:
        study = optuna.create_study(sampler=made(name))
        for number in range(14):
            trial = study.ask(SPACE)
            if number % 4 == 1:
                study.tell(trial, math.inf)
            elif number % 4 == 2:
                study.tell(trial, state=TrialState.FAIL)
            elif number % 4 == 3:
                study.tell(trial, bowl(trial.params))
        assert len(study.trials) == 14

    def test_nothing_that_diverges_repeats_itself_for_ever(self, name: SamplerName) -> None:
        space = SPACES["one range"]
        study = optuna.create_study(sampler=made(name, space))
        found = []
        for _ in range(12):
            trial = study.ask(space)
            found.append(trial.params["x"])
            study.tell(trial, math.inf)
        assert len(set(found)) == 12

    def test_trials_under_way_are_not_suggested_again(self, name: SamplerName) -> None:
        study = optuna.create_study(sampler=made(name))
        for _ in range(9):
            trial = study.ask(SPACE)
            study.tell(trial, bowl(trial.params))
        pending = [study.ask(SPACE).params for _ in range(4)]
        assert len({repr(each) for each in pending}) == 4

    def test_it_says_nothing_on_the_terminal(
        self, name: SamplerName, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sampler = made(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points(sampler, 8)
        out, err = capfd.readouterr()
        assert out + err == ""

    def test_running_trials_may_count_as_what_they_have_reported(self, name: SamplerName) -> None:
        study = optuna.create_study(sampler=made(name, running=["latest"]))
        for number in range(8):
            trial = study.ask(SPACE)
            trial.set_user_attr(LATEST, [float(number)])
            trial.set_user_attr(BEST, [0.0])
        assert len({repr(trial.params) for trial in study.trials}) == 8


@pytest.mark.parametrize("name", ["auto", "gp", "tpe", "cmaes"])
def test_what_learns_finds_a_bowl_better_than_random_draws(name: SamplerName) -> None:
    space: dict[str, BaseDistribution] = {k: FloatDistribution(-5, 5) for k in ("x", "n")}
    random = [min(map(bowl, points(made("random", space, seed=s), 40, space))) for s in range(3)]
    learnt = [min(map(bowl, points(made(name, space, 40, seed=s), 40, space))) for s in range(3)]
    assert sorted(learnt)[1] < sorted(random)[1] / 2


@pytest.mark.parametrize("name", ["auto", "gp"])
@pytest.mark.parametrize(("cap", "startup"), [(1, 4), (20, 4), (35, 7), (50, 10), (10**6, 10)])
def test_a_fifth_of_the_trials_is_spread_before_any_learning(
    name: SamplerName, cap: int, startup: int
) -> None:
    """As many suggestions as these do not depend on the results, and the next one does."""
    up = points(made(name, cap=cap), startup + 1)
    down = points(made(name, cap=cap), startup + 1, sign=-1)
    assert next(i for i, pair in enumerate(zip(up, down, strict=True)) if pair[0] != pair[1]) == (
        startup
    )


def test_the_first_trials_are_spread_over_every_range() -> None:
    space: dict[str, BaseDistribution] = {f"p{i}": FloatDistribution(0, 1) for i in range(5)}
    first = points(made("auto", space, cap=40), 8, space)
    for name in space:
        assert sorted(int(point[name] * 8) for point in first) == list(range(8))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tpe", "method: random\nparameters: {a: {min: 0.0, max: 1.0}}", "method random takes no"),
        ("gp", "method: grid\nparameters: {a: {values: [1, 2]}}", "method grid takes no sampler"),
        (
            "cmaes",
            "method: bayes\nmetric: {name: m}\nparameters: {a: {values: [1, 2]}, b: {value: 1}}",
            "cmaes needs a parameter with a range and the sweep has none; use tpe",
        ),
        (
            "cmaes",
            "method: custom\nscheduler: {engine: optuna}\nmetrics: [{name: m}, {name: n}]\n"
            "parameters: {a: {min: 0.0, max: 1.0}}",
            "cmaes searches for one metric and the sweep has 2; use gp",
        ),
    ],
)
def test_a_sampler_that_cannot_search_a_sweep_is_refused(
    name: SamplerName, text: str, message: str
) -> None:
    sweep = parse_sweep(text, "s.yaml")
    with pytest.raises(PcsearchError, match=f"^--sampler: {re.escape(message)}"):
        check_sampler(name, sweep)
    check_sampler("auto", sweep)


def test_auto_goes_over_to_tpe_as_the_study_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "GP_TRIALS", 6)
    asked: list[str] = []
    for kind in (optuna.samplers.GPSampler, optuna.samplers.TPESampler):

        def noted(self: Any, *given: Any, real: Any = kind.sample_relative, of: Any = kind) -> Any:
            asked.append(of.__name__)
            return real(self, *given)

        monkeypatch.setattr(kind, "sample_relative", noted)
    points(made("auto"), 10)
    assert asked == ["GPSampler"] * 2 + ["TPESampler"] * 4


class TestGaussianProcess:
    def test_it_learns_from_the_better_and_the_newest_of_many_trials(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[list[int]] = []
        real = optuna.samplers.GPSampler.sample_relative

        def noted(self: Any, study: Any, trial: Any, space: Any) -> Any:
            kept = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            seen.append([each.number for each in kept])
            return real(self, study, trial, space)

        monkeypatch.setattr(optuna.samplers.GPSampler, "sample_relative", noted)
        study = optuna.create_study(sampler=GaussianProcess(0))
        space = SPACES["one range"]
        count = MOST_TRIALS + 50
        values = [abs(number - 30) for number in range(count)]
        for value in values:
            trial = optuna.trial.create_trial(
                params={"x": value / count}, distributions=space, value=value
            )
            study.add_trial(trial)
        study.ask(space)
        (kept,) = seen
        assert len(kept) == MOST_TRIALS
        assert set(range(80)) <= set(kept), "the better ones"
        assert set(range(count - 90, count)) <= set(kept), "the newest"

    def test_running_trials_are_believed_to_measure_what_is_predicted(self) -> None:
        space = SPACES["one range"]
        study = optuna.create_study(sampler=GaussianProcess(0))
        for number in range(6):
            trial = optuna.trial.create_trial(
                params={"x": number / 5}, distributions=space, value=(number / 5 - 0.5) ** 2
            )
            study.add_trial(trial)
        first, *others = [study.ask(space).params["x"] for _ in range(4)]
        assert first == pytest.approx(0.5, abs=0.05)
        assert all(abs(x - first) > CLOSE for x in others)

    def test_of_several_objectives_it_learns_from_the_front_first(self) -> None:
        study = optuna.create_study(directions=["minimize", "maximize"])
        for number in range(100):
            on_front = number % 5 == 0
            values = (number / 100, number / 100 - (0 if on_front else 9))
            study.add_trial(optuna.trial.create_trial(values=values))
        ended = study.get_trials(deepcopy=False)
        kept = [trial.number for trial in _most_telling(study, ended)]
        assert len(kept) == MOST_TRIALS_OF_SEVERAL
        assert set(range(0, 100, 5)) <= set(kept)
        assert set(range(80, 100)) <= set(kept), "the newest"

    def test_a_matrix_that_cannot_be_factored_costs_one_random_point(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> Any:
            raise RuntimeError("linalg.cholesky: the input is not positive-definite")

        monkeypatch.setattr(optuna.samplers.GPSampler, "_sample_relative_impl", fail)
        assert len(points(made("gp"), 12)) == 12

    def test_all_combinations_come_before_any_comes_twice(self) -> None:
        space = SPACES["categories"]
        suggested = points(made("gp", space), 8, space)
        assert len({repr(point) for point in suggested}) == 8
        assert len(points(made("gp", space), 12, space)) == 12


class TestImputed:
    """How a study looks to its sampler."""

    def study(self, direction: str = "minimize") -> optuna.Study:
        study = optuna.create_study(direction=direction)
        for value in (1.0, math.inf if direction == "minimize" else -math.inf, 3.0):
            study.tell(study.ask(), value)
        return study

    def values(self, study: optuna.Study, *running: Any) -> list[Any]:
        last = study.trials[-1]
        seen = imputed(study, last, running).get_trials(deepcopy=False)
        return [each.value if each.state == TrialState.COMPLETE else None for each in seen]

    @pytest.mark.parametrize(("direction", "worst"), [("minimize", 3.0), ("maximize", 1.0)])
    def test_infinities_are_the_worst_so_far(self, direction: str, worst: float) -> None:
        assert self.values(self.study(direction), None) == [1.0, worst, 3.0]

    @pytest.mark.parametrize(
        ("impute", "value"), [(None, None), ("latest", 2.0), ("best", 0.5), ("worst", 3.0)]
    )
    def test_a_running_trial_counts_as_asked(self, impute: Any, value: float | None) -> None:
        study = self.study()
        trial = study.ask()
        trial.set_user_attr(LATEST, [2.0])
        trial.set_user_attr(BEST, [0.5])
        study.ask()
        assert self.values(study, impute)[3:] == [value, None]

    def test_a_running_trial_without_a_report_stays_on_its_way(self) -> None:
        study = self.study()
        study.ask()
        study.ask()
        assert self.values(study, "latest")[3:] == [None, None]

    def test_the_study_itself_is_left_alone(self) -> None:
        study = self.study()
        self.values(study, None)
        assert study.trials[1].value == math.inf


@pytest.mark.parametrize(
    ("name", "dimensions", "metrics", "picked"),
    [
        ("auto", 1, 1, "auto"),
        ("auto", 50, 1, "auto"),
        ("auto", 25, 2, "auto"),
        ("auto", 26, 2, "tpe"),
        ("auto", 51, 1, "tpe"),
        ("auto", 3, 3, "tpe"),
        ("gp", 99, 9, "gp"),
        ("random", 1, 1, "random"),
    ],
)
def test_auto_is_what_stays_quick(
    name: SamplerName, dimensions: int, metrics: int, picked: SamplerName
) -> None:
    assert pick_sampler(name, dimensions, metrics) == picked
