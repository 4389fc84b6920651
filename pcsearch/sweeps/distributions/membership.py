"""Finds a value among those that a distribution has, as after an edit of the sweep file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pcsearch.sweeps.distributions.base import Distribution, identity, loose_identity
from pcsearch.sweeps.distributions.quantised import Steps


class NoValue:
    """Stands for a value where there is none: outside of a distribution, or not given."""


class ValueIndex:
    """Where each of some different values is.

    Args:
        values: at least one.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._exact = {identity(value): i for i, value in enumerate(values)}
        backwards = reversed(list(enumerate(values)))
        self._loose = {loose_identity(value): i for i, value in backwards}

    def of(self, value: Any) -> int | None:
        """The position of a value, None where it is not there."""
        loose = self._loose.get(loose_identity(value))
        return self._exact.get(identity(value), loose)


def own_value(distribution: Distribution, *, is_grid: bool) -> Callable[[Any], Any]:
    """A function from a value to the same one as a distribution has it: 1 may be its 1.0.

    Where the distribution does not have it, the function gives `NoValue`.

    Args:
        distribution: any.
        is_grid: whether its values are those of a grid.
    """
    values = distribution.grid() if is_grid else distribution.different_values()
    if values is None:
        return lambda value: value if distribution.contains(value) else NoValue
    if isinstance(values, range):
        return lambda value: _whole(value, values)
    place = values.place if isinstance(values, Steps) else ValueIndex(values).of

    def find(value: Any) -> Any:
        position = place(value)
        return NoValue if position is None else values[position]

    return find


def _whole(value: Any, values: range) -> Any:
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if is_whole and value in values else NoValue
