"""Finds which configuration of a sweep another configuration is, as after an edit of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.finite import Places
from pcsearch.sweeps.parameters import nested, value_of
from pcsearch.sweeps.sweep import Sweep


class NotInRange:
    """Stands for a value that a parameter does not have."""


Find = Callable[[Any], Any]


class Placing:
    """The values of a sweep's parameters.

    Args:
        sweep: the sweep; of a grid, the values are those of the grid.
    """

    def __init__(self, sweep: Sweep) -> None:
        is_grid = sweep.method == "grid"
        self._finds = [(p, _find(p.distribution, is_grid)) for p in sweep.by_path()]

    def place(self, config: Mapping[str, Any]) -> dict[str, Any] | str:
        """The values of a configuration that the sweep has, as the sweep has them.

        Args:
            config: a configuration; what the sweep does not have of it is left out.

        Returns:
            The sweep's own configuration; or the name of a parameter whose value it cannot have.
        """
        chosen = []
        for parameter, find in self._finds:
            value = find(value_of(config, parameter))
            if value is NotInRange:
                return parameter.name
            chosen.append((parameter, value))
        return nested(chosen)


def value_in(distribution: Distribution, value: Any, *, is_grid: bool) -> Any:
    """A value as a distribution has it, `NotInRange` where it does not: 1 may be its 1.0."""
    return _find(distribution, is_grid)(value)


def _find(distribution: Distribution, is_grid: bool) -> Find:
    """A function from a value to the same value as a distribution has it."""
    values = distribution.grid() if is_grid else distribution.different_values()
    if values is None:
        return lambda value: value if distribution.contains(value) else NotInRange
    if isinstance(values, range):
        return lambda value: _whole(value, values)
    places = Places(values)

    def find(value: Any) -> Any:
        position = places.of(value)
        return NotInRange if position is None else values[position]

    return find


def _whole(value: Any, values: range) -> Any:
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if is_whole and value in values else NotInRange
