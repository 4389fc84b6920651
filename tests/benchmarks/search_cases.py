"""The functions on which searchers are compared, each with its sweep file and its optimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Config = Mapping[str, Any]

HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
LOG_AXES = (
    "  learning_rate: {distribution: log_uniform_values, min: 0.00001, max: 0.1}\n"
    "  weight_decay: {distribution: log_uniform_values, min: 0.000001, max: 0.01}\n"
    "  epsilon: {distribution: log_uniform_values, min: 0.00000001, max: 0.001}\n"
)
LOG_CENTRE = {"learning_rate": -2.6, "weight_decay": -4.3, "epsilon": -6.2}
OPTIMIZERS = {"sgd": 0.35, "adam": 0.05, "adamw": 0.0, "rmsprop": 0.2}
ACTIVATIONS = {"relu": 0.1, "gelu": 0.0, "tanh": 0.25}


@dataclass(frozen=True)
class Case:
    """A function to minimise.

    Args:
        parameters: of the sweep file, as YAML.
        value: the function, without noise.
        optimum: its lowest value.
        noise: the standard deviation of what is added to each measurement.
    """

    parameters: str
    value: Callable[[Config], float]
    optimum: float = 0.0
    noise: float = 0.0

    def text(self, method: str) -> str:
        """The sweep file."""
        return f"method: {method}\nmetric: {{name: loss}}\nparameters:\n{self.parameters}"


def branin(config: Config) -> float:
    """Three equal valleys."""
    x, y = config["x"], config["y"]
    bent = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def hartmann(config: Config) -> float:
    """Four wells, the deepest of which is hard to find."""
    x = np.array([config[f"x{i}"] for i in range(6)])
    return -float(HARTMANN_ALPHA @ np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)))


def log_bowl(config: Config) -> float:
    """A bowl in the orders of magnitude."""
    return sum(0.1 * (math.log10(config[n]) - c) ** 2 for n, c in LOG_CENTRE.items())


def cliff(config: Config) -> float:
    """A bowl in the orders of magnitude; above a learning rate of 0.01 training explodes."""
    beyond = math.log10(config["learning_rate"]) + 2
    return log_bowl(config) + (10 ** (4 * beyond) if beyond > 0 else 0.0)


def mixed(config: Config) -> float:
    """Categories that shift and widen a bowl of an integer and two floats."""
    lr = math.log10(config["lr"]) + 3 + (0.5 if config["optimizer"] == "sgd" else 0)
    bowl = 0.2 * lr**2 + 0.03 * (config["layers"] - 5) ** 2 + 2 * (config["dropout"] - 0.2) ** 2
    return bowl + OPTIMIZERS[config["optimizer"]] + ACTIVATIONS[config["activation"]]


def sparse(config: Config) -> float:
    """Twelve parameters, of which three matter."""
    a, b, c = config["p1"], config["p5"], config["p9"]
    return float((a - 0.3) ** 2 + (b - 0.7) ** 2 + 2 * (a - 0.3) * (c - 0.5) + 2 * (c - 0.5) ** 2)


def _axes(names: list[str], low: float = 0.0, high: float = 1.0) -> str:
    return "".join(f"  {name}: {{min: {low}, max: {high}}}\n" for name in names)


CASES = {
    "branin": Case(_axes(["x"], -5.0, 10.0) + _axes(["y"], 0.0, 15.0), branin, 0.39788735772973816),
    "hartmann": Case(_axes([f"x{i}" for i in range(6)]), hartmann, -3.322368011415515),
    "log": Case(LOG_AXES, log_bowl, noise=0.01),
    "cliff": Case(LOG_AXES, cliff, noise=0.01),
    "mixed": Case(
        f"  optimizer: {{values: [{', '.join(OPTIMIZERS)}]}}\n"
        f"  activation: {{values: [{', '.join(ACTIVATIONS)}]}}\n"
        "  layers: {min: 1, max: 10}\n"
        "  lr: {distribution: log_uniform_values, min: 0.00001, max: 0.1}\n"
        "  dropout: {min: 0.0, max: 0.6}\n",
        mixed,
    ),
    "sparse": Case(_axes([f"p{i}" for i in range(12)]), sparse),
}
