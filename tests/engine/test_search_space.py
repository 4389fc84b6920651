"""What Optuna is told of a sweep's parameters: it draws what the file declares."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import optuna
import pytest
import yaml

from pcsearch.engine.search_space import OptunaSpace
from pcsearch.sweeps.distributions import (
    BY_NAME,
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogUniformValues,
    Normal,
    QUniform,
    Uniform,
)
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import parse_sweep

DRAWS = 400
# Kolmogorov and Smirnov's bound at 0.1 %; the draws are seeded, so it holds always or never.
KS_BOUND = 1.95 / DRAWS**0.5

EXAMPLES: dict[str, list[Distribution]] = {
    "constant": [Constant(3), Constant(None), Constant([1, [2, "x"]])],
    "categorical": [Categorical((8, 16, 32)), Categorical((0.1, 0.1, 5))],
    "uniform": [Uniform(-1, 3), Uniform(2.0, 2.0), Uniform(0, 1)],
    "log_uniform_values": [LogUniformValues(1e-5, 0.1), LogUniformValues(3, 3)],
    "int_uniform": [IntUniform(-2, 5), IntUniform(7, 7), IntUniform(0, 1_000_000)],
    "q_uniform": [QUniform(1.0, 1.5, 0.05), QUniform(0, 100, 25), QUniform(0.3, 0.9, 0.25)],
    "normal": [Normal(), Normal(10, 0.5)],
}
ALL = [(name, each) for name, examples in EXAMPLES.items() for each in examples]


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(**distributions: Distribution) -> OptunaSpace:
    return OptunaSpace(tuple(Parameter(n, d, "s.yaml:1:1") for n, d in distributions.items()))


def drawn(searched: OptunaSpace, count: int, seed: int = 0) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [searched(study.ask()) for _ in range(count)]


def distance(values: list[float], distribution: Distribution) -> float:
    """The largest difference of the two distribution functions, wherever one of them jumps."""
    quantiles = [float(distribution.ppf((i + 0.5) / 20_000)) for i in range(20_000)]
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


def test_every_distribution_has_an_example() -> None:
    assert EXAMPLES.keys() == BY_NAME.keys()
    assert all(type(each) is BY_NAME[name] for name, each in ALL)


@pytest.mark.parametrize("distribution", [d for _, d in ALL], ids=[n for n, _ in ALL])
def test_what_optuna_draws_can_be_drawn_and_has_the_declared_type(
    distribution: Distribution,
) -> None:
    for config in drawn(space(x=distribution), 50):
        assert distribution.contains(config["x"])
        assert type(config["x"]) in {type(distribution.ppf(u)) for u in (0.0, 0.2, 0.5, 0.9)}


@pytest.mark.parametrize(
    "distribution",
    [d for _, d in ALL if not isinstance(d, Constant | Categorical)],
    ids=repr,
)
def test_numbers_that_optuna_draws_follow_the_declared_distribution(
    distribution: Distribution,
) -> None:
    values = [config["x"] for config in drawn(space(x=distribution), DRAWS)]
    assert distance(values, distribution) < KS_BOUND


def test_the_distance_tells_distributions_apart() -> None:
    values = [config["x"] for config in drawn(space(x=Uniform(0.01, 1)), DRAWS)]
    assert distance(values, LogUniformValues(0.01, 1)) > 3 * KS_BOUND
    assert distance(values, Uniform(0.01, 1.5)) > 3 * KS_BOUND


def test_different_categories_have_equal_shares() -> None:
    counts = Counter(
        config["x"] for config in drawn(space(x=Categorical(("a", "b", "c", "a"))), 900)
    )
    assert counts.keys() == {"a", "b", "c"}
    assert all(240 < count < 360 for count in counts.values())


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


def test_a_distribution_that_optuna_is_not_told_of_is_a_mistake_of_the_program() -> None:
    with pytest.raises(AssertionError, match="no way to say str to Optuna"):
        drawn(space(x="uniform"), 1)  # type: ignore[arg-type]
