"""A few distributions of each of W&B's kinds, as the entries of a sweep file."""

from __future__ import annotations

from typing import Any

import yaml

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.parameters import ParameterParser
from pcsearch.sweeps.reading.loader import load

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "constant": [{"value": each} for each in (3, None, "adam", [1, [2, "x"]], {"a": [1.5]})],
    "categorical": [
        {"values": [8, 16, 32]},
        {"values": ["adam", 1, 1.0, True, None, [1, 2], {"a": 1}]},
        {"values": ["a", "b", "a"]},
        {"values": ["only"]},
    ],
    "categorical_w_probabilities": [
        {"values": ["a", "b", "c"], "probabilities": [0.5, 0.3, 0.2]},
        {"values": [1, [2], None, "x"], "probabilities": [0, 0.25, 0.75, 0]},
    ],
    "int_uniform": [{"min": -2, "max": 5}, {"min": 7, "max": 7}, {"min": 0, "max": 10**6}],
    "uniform": [{"min": -1.5, "max": 3}, {"min": 2.0, "max": 2.0}, {"min": -1e300, "max": 1e300}],
    "q_uniform": [
        {"min": 0, "max": 100, "q": 25},
        {"min": 1.0, "max": 1.5, "q": 0.05},
        {"min": 0.3, "max": 0.9, "q": 0.25},
        {"min": 0, "max": 10},
    ],
    "log_uniform": [{"min": -11.5, "max": -2.3}, {"min": 0, "max": 5}, {"min": 1, "max": 1}],
    "log_uniform_values": [{"min": 1e-5, "max": 0.1}, {"min": 3, "max": 3}],
    "q_log_uniform": [{"min": 0, "max": 5, "q": 2}, {"min": -5, "max": 0, "q": 0.01}],
    "q_log_uniform_values": [{"min": 32, "max": 256, "q": 8}, {"min": 1, "max": 9, "q": 0.5}],
    "inv_log_uniform": [{"min": 2.3, "max": 11.5}, {"min": -3, "max": 2}],
    "inv_log_uniform_values": [{"min": 1e-5, "max": 0.1}, {"min": 1, "max": 50}],
    "normal": [{}, {"mu": 10, "sigma": 0.5}],
    "q_normal": [{}, {"mu": 10, "sigma": 3, "q": 0.5}],
    "log_normal": [{}, {"mu": -7, "sigma": 0.5}],
    "q_log_normal": [{"sigma": 2}, {"mu": 3, "sigma": 1, "q": 0.25}],
    "beta": [{}, {"a": 2, "b": 5}, {"a": 0.5, "b": 0.5}],
    "q_beta": [{}, {"a": 2, "b": 5, "q": 0.05}],
}


def entry(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The entry of a sweep file that names its distribution."""
    return {"distribution": kind, **arguments}


def distribution_of(given: dict[str, Any]) -> Distribution:
    """The distribution of an entry."""
    problems: list[Problem] = []
    document = load(yaml.safe_dump({"parameters": {"x": given}}), "sweep.yaml")
    parser = ParameterParser(document, lambda _: False, lambda _: False, problems, [])
    parameters = parser.parse(("parameters",))
    assert parameters, problems
    return parameters["x"].distribution


ALL = [
    (f"{kind}-{index}", distribution_of(entry(kind, arguments)))
    for kind, examples in EXAMPLES.items()
    for index, arguments in enumerate(examples)
]
IDS, DISTRIBUTIONS = [name for name, _ in ALL], [distribution for _, distribution in ALL]
