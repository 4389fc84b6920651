"""The search space of Optuna for the parameters of a sweep."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pcsearch.sweeps.distributions.base import ChoiceAxis, Distribution, FloatAxis, IntAxis
from pcsearch.sweeps.distributions.locate import locate
from pcsearch.sweeps.parameters import Parameter, has_value, nested, value_of


class OptunaSpace:
    """Optuna's distributions for a sweep's parameters, and the configurations of its points.

    Optuna searches the axis of each parameter. A uniform draw on the axis is a draw of the
    distribution in the sweep file; the configuration has the value that lies there.

    Args:
        parameters: those of the sweep.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._parameters = tuple(parameters)
        axes = ((p.name, _axis(p.distribution)) for p in self._parameters)
        self.distributions = {name: axis for name, axis in axes if axis is not None}
        """Optuna's distributions, by the names of the parameters with more than one value."""

    def config(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of a point, which has a value for each of the `distributions`."""
        return nested((p, copy.deepcopy(self._value(p, point))) for p in self._parameters)

    def point(self, config: Mapping[str, Any]) -> dict[str, Any] | str:
        """The point of a configuration, or the parameter whose value is not in its range."""
        point = {}
        for parameter in self._parameters:
            if parameter.name in self.distributions:
                position = locate(parameter.distribution, value_of(config, parameter))
                if position is None:
                    return parameter.name
                point[parameter.name] = position
        return point

    def part_of_point(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The point of a part of a configuration: without the parameters that it does not have.

        Args:
            config: its values are in the ranges of their parameters.
        """
        searched = [p for p in self._parameters if p.name in self.distributions]
        given = [p for p in searched if has_value(config, p)]
        return {p.name: locate(p.distribution, value_of(config, p)) for p in given}

    def _value(self, parameter: Parameter, point: Mapping[str, Any]) -> Any:
        if parameter.name in self.distributions:
            return parameter.distribution.at(point[parameter.name])
        return parameter.distribution.ppf(0.5)


def _axis(distribution: Distribution) -> BaseDistribution | None:
    match distribution.axis():
        case FloatAxis(low, high, log):
            return FloatDistribution(low, high, log=log)
        case IntAxis(low, high):
            return IntDistribution(low, high)
        case ChoiceAxis(count):
            return CategoricalDistribution(range(count))
        case None:
            return None
