"""10,000 draws of every distribution against its definition, by scipy's distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from pcsearch.sweeps.configurations import RandomDraws
from pcsearch.sweeps.sweep import parse_sweep

COUNT = 10_000
# The draws are seeded: a test passes always or never.
LEAST_P = 1e-3
FEWEST_EXPECTED = 5

Cdf = Callable[[Any], Any]


def uniform(low: float, high: float) -> Cdf:
    return stats.uniform(low, high - low).cdf


def exponential_of(low: float, high: float) -> Cdf:
    """Of e^U, U uniform between low and high."""
    return lambda x: uniform(low, high)(np.log(np.maximum(x, 1e-320)))


def normal(mu: float, sigma: float) -> Cdf:
    return stats.norm(mu, sigma).cdf


def log_normal(mu: float, sigma: float) -> Cdf:
    return stats.lognorm(sigma, scale=math.exp(mu)).cdf


CONTINUOUS: list[tuple[str, Cdf]] = [
    ("{min: -1.5, max: 3}", uniform(-1.5, 3)),
    ("{distribution: uniform, min: 2, max: 9}", uniform(2, 9)),
    ("{distribution: log_uniform, min: -11.5, max: -2.3}", exponential_of(-11.5, -2.3)),
    ("{distribution: log_uniform, min: 1, max: 4}", exponential_of(1, 4)),
    (
        "{distribution: log_uniform_values, min: 1e-5, max: 0.1}",
        exponential_of(math.log(1e-5), math.log(0.1)),
    ),
    ("{distribution: inv_log_uniform, min: 2.3, max: 11.5}", exponential_of(-11.5, -2.3)),
    (
        "{distribution: inv_log_uniform_values, min: 1e-5, max: 0.1}",
        exponential_of(math.log(1e-5), math.log(0.1)),
    ),
    ("{distribution: normal}", normal(0, 1)),
    ("{distribution: normal, mu: 10, sigma: 0.5}", normal(10, 0.5)),
    ("{distribution: log_normal}", log_normal(0, 1)),
    ("{distribution: log_normal, mu: -7, sigma: 0.5}", log_normal(-7, 0.5)),
    ("{distribution: beta}", stats.beta(1, 1).cdf),
    ("{distribution: beta, a: 2, b: 5}", stats.beta(2, 5).cdf),
    ("{distribution: beta, a: 0.5, b: 0.5}", stats.beta(0.5, 0.5).cdf),
]
QUANTISED: list[tuple[str, float, Cdf]] = [
    ("{distribution: q_uniform, min: 0, max: 100, q: 25}", 25, uniform(0, 100)),
    ("{distribution: q_uniform, min: 0.3, max: 0.9, q: 0.25}", 0.25, uniform(0.3, 0.9)),
    ("{distribution: q_uniform, min: -3, max: 10}", 1, uniform(-3, 10)),
    ("{distribution: q_log_uniform, min: 0, max: 5, q: 2}", 2, exponential_of(0, 5)),
    (
        "{distribution: q_log_uniform_values, min: 32, max: 256, q: 8}",
        8,
        exponential_of(math.log(32), math.log(256)),
    ),
    ("{distribution: q_normal, mu: 10, sigma: 3, q: 0.5}", 0.5, normal(10, 3)),
    ("{distribution: q_normal}", 1, normal(0, 1)),
    ("{distribution: q_log_normal, mu: 1, sigma: 1}", 1, log_normal(1, 1)),
    ("{distribution: q_beta, a: 2, b: 5, q: 0.05}", 0.05, stats.beta(2, 5).cdf),
]
SHARES: list[tuple[str, dict[str, float]]] = [
    ("{min: -2, max: 5}", {str(number): 1 / 8 for number in range(-2, 6)}),
    (
        "{values: [1, true, 1.5, [1, 2], {a: 1}, null]}",
        dict.fromkeys(("1", "True", "1.5", "[1, 2]", "{'a': 1}", "None"), 1 / 6),
    ),
    ("{values: [a, b, a]}", {"'a'": 2 / 3, "'b'": 1 / 3}),
    (
        "{values: [a, b, c, d], probabilities: [0.5, 0.3, 0.2, 0]}",
        {"'a'": 0.5, "'b'": 0.3, "'c'": 0.2},
    ),
    ("{value: 7}", {"7": 1.0}),
]
ENTRIES = [entry for entry, *_ in (*CONTINUOUS, *QUANTISED, *SHARES)]


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Any]]:
    """What the random method draws, by entry."""
    names = {f"p{index:02}": entry for index, entry in enumerate(ENTRIES)}
    lines = "".join(f"  {name}: {entry}\n" for name, entry in names.items())
    draws = RandomDraws(parse_sweep(f"method: random\nparameters:\n{lines}", "sweep.yaml"), seed=0)
    configs = [draws.config(index) for index in range(COUNT)]
    return {entry: [config[name] for config in configs] for name, entry in names.items()}


def probability(counts: list[int], shares: list[float]) -> float:
    """That counts are as far from their shares; rare values are put together."""
    expected = np.array(shares) * sum(counts)
    common = expected >= FEWEST_EXPECTED
    groups = [*zip(np.array(counts)[common], expected[common], strict=True)]
    if not common.all():
        groups.append((np.array(counts)[~common].sum(), expected[~common].sum()))
    if len(groups) == 1:
        return 1.0
    observed, wanted = np.array(groups, dtype=float).T
    return float(stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue)


def multiples(q: float, cdf: Cdf) -> tuple[list[int], list[float]]:
    """The multiples of q that have a probability, and those probabilities."""
    counts = np.arange(-2000, 2000)
    shares = cdf((counts + 0.5) * q) - cdf((counts - 0.5) * q)
    some = shares > 0
    return counts[some].tolist(), shares[some].tolist()


def test_every_kind_is_drawn() -> None:
    kinds = {yaml.safe_load(entry).get("distribution") for entry in ENTRIES}
    assert len(kinds - {None}) == 14


@pytest.mark.parametrize(("entry", "cdf"), CONTINUOUS, ids=[entry for entry, _ in CONTINUOUS])
def test_draws_of_numbers_follow_the_definition(
    drawn: dict[str, list[Any]], entry: str, cdf: Cdf
) -> None:
    assert stats.kstest(drawn[entry], cdf).pvalue > LEAST_P


@pytest.mark.parametrize(("entry", "q", "cdf"), QUANTISED, ids=[entry for entry, *_ in QUANTISED])
def test_draws_of_multiples_have_the_probability_of_what_is_rounded_to_them(
    drawn: dict[str, list[Any]], entry: str, q: float, cdf: Cdf
) -> None:
    found = Counter(round(value / q) for value in drawn[entry])
    possible, shares = multiples(q, cdf)
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert found.keys() <= set(possible) | {max(possible) + 1}
    assert probability([found[number] for number in possible], shares) > LEAST_P
    assert all(value == pytest.approx(round(value / q) * q, abs=1e-12) for value in drawn[entry])


@pytest.mark.parametrize(("entry", "shares"), SHARES, ids=[entry for entry, _ in SHARES])
def test_draws_of_listed_values_have_their_shares(
    drawn: dict[str, list[Any]], entry: str, shares: dict[str, float]
) -> None:
    found = Counter(repr(value) for value in drawn[entry])
    assert found.keys() == shares.keys()
    assert probability([found[value] for value in shares], list(shares.values())) > LEAST_P


def test_the_tests_tell_distributions_apart(drawn: dict[str, list[Any]]) -> None:
    values = drawn["{distribution: normal, mu: 10, sigma: 0.5}"]
    assert stats.kstest(values, normal(10, 0.53)).pvalue < LEAST_P
    assert stats.kstest(values, normal(10.03, 0.5)).pvalue < LEAST_P
    found = Counter(drawn["{distribution: q_uniform, min: 0, max: 100, q: 25}"])
    assert probability([found[each] for each in (0, 25, 50, 75, 100)], [0.2] * 5) < LEAST_P


def test_parameters_are_drawn_independently(drawn: dict[str, list[Any]]) -> None:
    columns = np.array([stats.rankdata(drawn[entry]) for entry, _ in CONTINUOUS])
    correlations = np.corrcoef(columns) - np.eye(len(columns))
    assert np.max(np.abs(correlations)) < 4.5 / math.sqrt(COUNT)
