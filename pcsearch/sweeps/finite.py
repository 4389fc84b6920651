"""The space of a sweep that has finitely many configurations, of which none should run twice."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pcsearch.sweeps.distributions.membership import ValueIndex
from pcsearch.sweeps.parameters import nested, value_of
from pcsearch.sweeps.sweep import Sweep

Positions = tuple[int, ...]
"""A configuration: the position of each parameter's value among the values that it can have."""


class FiniteSpace:
    """The different configurations of a sweep, of which none is made before it is asked for.

    Values that Python holds to be equal may differ: 1, 1.0 and true are three values.

    Args:
        sweep: a sweep whose parameters all have values that can be listed.
        values: those of each parameter, each value once.
    """

    def __init__(self, sweep: Sweep, values: Sequence[Sequence[Any]]) -> None:
        self._parameters = sweep.by_path()
        self.names = tuple(parameter.name for parameter in self._parameters)
        """The parameters' names, in the order of the positions."""
        self._values = values
        self._found = [None if isinstance(each, range) else ValueIndex(each) for each in values]
        self.sizes = tuple(
            each.stop - each.start if isinstance(each, range) else len(each) for each in values
        )
        """How many values each parameter has."""
        self.is_ordered = tuple(isinstance(each, range) for each in values)
        """Whether the values of each parameter are whole numbers in their order."""
        self.size = math.prod(self.sizes)
        """How many configurations there are."""

    def config(self, positions: Positions) -> dict[str, Any]:
        """The configuration at some positions."""
        chosen = zip(self._parameters, self._values, positions, strict=True)
        return nested((p, copy.deepcopy(values[position])) for p, values, position in chosen)

    def positions(self, config: Mapping[str, Any]) -> Positions | None:
        """The positions of a configuration's values, None where one is not in the space.

        Where 1.0 is not in it, 1 may be: the configuration may come from W&B's server.
        """
        found = []
        for parameter, values, positions in zip(
            self._parameters, self._values, self._found, strict=True
        ):
            value = value_of(config, parameter)
            if positions is not None:
                position = positions.of(value)
            elif isinstance(values, range) and type(value) is int and value in values:
                position = value - values.start
            else:
                position = None
            if position is None:
                return None
            found.append(position)
        return tuple(found)


def finite_space(sweep: Sweep) -> FiniteSpace | None:
    """The space of a sweep, None where the values of a parameter cannot be listed."""
    values = [parameter.distribution.different_values() for parameter in sweep.by_path()]
    listed = [each for each in values if each is not None]
    return FiniteSpace(sweep, listed) if len(listed) == len(values) else None
