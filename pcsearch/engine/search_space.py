"""A sweep's parameters as Optuna understands them: the one place that says them to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import optuna

from pcsearch.sweeps.distributions import (
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

# The quantiles between which Optuna searches a distribution that it does not have.
EXTREMES = (1e-9, 1 - 1e-9)


@dataclass(frozen=True)
class OptunaSpace:
    """A sweep's parameters as Optuna's define-by-run space: called with a trial, gives a config.

    Distributions that Optuna has are passed on as they are. The others are searched as a uniform
    quantile that ``ppf`` turns into the value, so that Optuna's prior is the declared one;
    categories are searched by their number, so that they may be any value.
    """

    parameters: tuple[Parameter, ...]

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """The configuration of one trial."""
        return {p.name: _suggest(trial, p.name, p.distribution) for p in self.parameters}


def _suggest(trial: optuna.Trial, name: str, distribution: Distribution) -> Any:
    match distribution:
        case Constant():
            return distribution.value
        case Categorical():
            grid = distribution.grid()
            assert grid is not None, "categories are finite"
            return grid[trial.suggest_categorical(name, list(range(len(grid))))]
        case IntUniform():
            return trial.suggest_int(name, distribution.min, distribution.max)
        case Uniform():
            return trial.suggest_float(name, distribution.min, distribution.max)
        case LogUniformValues():
            return trial.suggest_float(name, distribution.min, distribution.max, log=True)
        case QUniform() | Normal():
            return distribution.ppf(trial.suggest_float(name, *EXTREMES))
    raise AssertionError(f"no way to say {type(distribution).__name__} to Optuna")
