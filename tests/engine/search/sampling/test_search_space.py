"""What Optuna is told of a sweep's parameters: it draws what the file declares."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from distribution_examples import DISTRIBUTIONS, IDS

from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.continuous import LogUniformValues, Normal, Uniform
from pcsearch.sweeps.distributions.discrete import Categorical, Constant, WeightedCategorical
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import parse_sweep

DRAWS = 400
# Kolmogorov and Smirnov's bound at 0.1 %; the draws are seeded, so it holds always or never.
KS_BOUND = 1.95 / DRAWS**0.5


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(**distributions: Distribution) -> OptunaSpace:
    return OptunaSpace(Parameter((n,), d) for n, d in distributions.items())


def drawn(searched: OptunaSpace, count: int, seed: int = 0) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trials = [study.ask(searched.distributions) for _ in range(count)]
    return [searched.config(trial.params) for trial in trials]


def distance(values: list[float], distribution: Distribution) -> float:
    """The largest difference of the two distribution functions, wherever one of them jumps."""
    quantiles = [float(distribution.ppf((i + 0.5) / 4_000)) for i in range(4_000)]
    ours, declared = np.sort(np.asarray(values, dtype=float)), np.sort(quantiles)
    at = np.concatenate([ours, declared])
    return float(
        np.max(
            np.abs(
                np.searchsorted(ours, at, side="right") / len(ours)
                - np.searchsorted(declared, at, side="right") / len(declared)
            )
        )
    )


def without_order(distribution: Distribution) -> bool:
    return isinstance(distribution, Constant | Categorical | WeightedCategorical)


NUMERIC = [
    pytest.param(each, id=name)
    for name, each in zip(IDS, DISTRIBUTIONS, strict=True)
    if not without_order(each)
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=IDS)
def test_what_optuna_draws_can_be_drawn_and_has_the_declared_type(
    distribution: Distribution,
) -> None:
    types = {type(distribution.ppf(u)) for u in np.linspace(0, 1, 200)}
    for config in drawn(space(x=distribution), DRAWS):
        assert distribution.contains(config["x"])
        assert type(config["x"]) in types


def badness(value: Any) -> float:
    """Something for a search to lower that leads it to an end of the support."""
    if isinstance(value, int | float):
        return math.atan(value)
    return float(len(repr(value)))


@pytest.mark.parametrize("sign", [1, -1], ids=["low", "high"])
def test_bayes_never_leaves_the_support(sign: int) -> None:
    searched = space(**dict(zip(IDS, DISTRIBUTIONS, strict=True)))
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    for _ in range(50):
        trial = study.ask(searched.distributions)
        config = searched.config(trial.params)
        for name, distribution in zip(IDS, DISTRIBUTIONS, strict=True):
            assert distribution.contains(config[name]), name
        study.tell(trial, sign * float(np.mean([badness(each) for each in config.values()])))


@pytest.mark.parametrize("distribution", NUMERIC)
def test_numbers_that_optuna_draws_follow_the_declared_distribution(
    distribution: Distribution,
) -> None:
    values = [config["x"] for config in drawn(space(x=distribution), DRAWS)]
    assert distance(values, distribution) < KS_BOUND


def test_the_distance_tells_distributions_apart() -> None:
    values = [config["x"] for config in drawn(space(x=Uniform(0.01, 1)), DRAWS)]
    assert distance(values, LogUniformValues(0.01, 1)) > 3 * KS_BOUND
    assert distance(values, Uniform(0.01, 1.5)) > 3 * KS_BOUND


def test_categories_have_equal_shares_and_one_given_twice_has_two() -> None:
    counts = Counter(
        config["x"] for config in drawn(space(x=Categorical(("a", "b", "c", "a"))), 900)
    )
    assert counts.keys() == {"a", "b", "c"}
    assert 390 < counts["a"] < 510
    assert all(180 < counts[each] < 270 for each in "bc")


def test_categories_may_be_any_value_of_yaml() -> None:
    values = yaml.safe_load("[null, true, 1, 1.0, '1', '', [1, [2, x]], [], 2020-01-02, .inf]")
    configs = drawn(space(x=Categorical(tuple(values))), 200)
    assert {repr(config["x"]) for config in configs} == {repr(value) for value in values}


def test_parameters_that_cannot_vary_are_given_as_they_are() -> None:
    fixed = {"a": Constant([1, None]), "b": Constant(False), "c": Categorical(("x",))}
    assert drawn(space(**fixed), 2) == [{"a": [1, None], "b": False, "c": "x"}] * 2


def test_a_configuration_has_the_parameters_of_the_sweep_in_its_order() -> None:
    sweep = parse_sweep(
        "method: bayes\nmetric: {name: m}\nparameters:\n  z: {value: 1}\n  a: {min: 0, max: 9}\n"
        "  m: {distribution: normal}\n  b: {values: [x, y]}\n",
        "s.yaml",
    )
    for config in drawn(OptunaSpace(tuple(sweep.parameters.values())), 3):
        assert list(config) == ["z", "a", "m", "b"]


def test_parameters_are_drawn_independently_of_each_other() -> None:
    configs = drawn(space(a=Normal(), b=Uniform(0, 1)), DRAWS)
    pairs = np.array([[config["a"], config["b"]] for config in configs])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 3 / DRAWS**0.5


def test_weighted_categories_have_their_shares() -> None:
    weighted = WeightedCategorical(("a", ["b"], None), (0.7, 0.3, 0))
    counts = Counter(repr(config["x"]) for config in drawn(space(x=weighted), 900))
    assert counts.keys() == {"'a'", "['b']"}
    assert 560 < counts["'a'"] < 700


def test_nested_parameters_are_nested_and_independent_of_the_caller() -> None:
    sweep = parse_sweep(
        "method: bayes\nmetric: {name: m}\nparameters:\n"
        "  opt: {parameters: {lr: {min: 0.1, max: 0.2}, betas: {value: [0.9]}}}\n",
        "s.yaml",
    )
    searched = OptunaSpace(tuple(sweep.parameters.values()))
    (config,) = drawn(searched, 1)
    assert list(config["opt"]) == ["lr", "betas"]
    config["opt"]["betas"].append(1)
    assert drawn(searched, 1)[0]["opt"]["betas"] == [0.9]
