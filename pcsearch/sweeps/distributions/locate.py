"""Finds the point of a distribution's axis that has a value: the inverse of `Distribution.at`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pcsearch.sweeps.distributions.base import (
    Axis,
    ChoiceAxis,
    Distribution,
    FloatAxis,
    IntAxis,
    identity,
    is_number,
    loose_identity,
    same,
)
from pcsearch.sweeps.distributions.discrete import WeightedCategorical

CLOSE = 1e-9
HALVINGS = 200


def locate(distribution: Distribution, value: object) -> float | int | None:
    """A point of a distribution's axis at which it has a value.

    Args:
        distribution: any.
        value: of any type.

    Returns:
        The point; None if there is none, or the distribution has no axis.
    """
    axis = distribution.axis()
    if axis is None:
        return None
    if isinstance(axis, ChoiceAxis):
        return _index(list(map(distribution.at, range(axis.count))), value)
    if isinstance(distribution, WeightedCategorical):
        return _middle_of_share(distribution, value)
    if not is_number(value) or not distribution.contains(value):
        return None
    assert isinstance(value, int | float)
    for point in (value, _bisected(distribution, axis, value)):
        inside = axis.low <= point <= axis.high
        whole = isinstance(axis, FloatAxis) or point == int(point)
        if inside and whole:
            result = float(point) if isinstance(axis, FloatAxis) else int(point)
            if close(distribution.at(result), value):
                return result
    return None


def close(one: object, other: object) -> bool:
    """Whether two values are the same; floats may differ by one part in 10^9."""
    if isinstance(one, float) and isinstance(other, int | float) and is_number(other):
        return math.isclose(one, other, rel_tol=CLOSE)
    return close(other, one) if isinstance(other, float) and is_number(one) else same(one, other)


def _middle_of_share(distribution: WeightedCategorical, value: object) -> float | None:
    chances = distribution.probabilities
    possible = [index for index, chance in enumerate(chances) if chance > 0]
    found = _index([distribution.values[index] for index in possible], value)
    if found is None:
        return None
    index = possible[found]
    return (sum(chances[:index]) + chances[index] / 2) / sum(chances)


def _index(values: Sequence[Any], value: object) -> int | None:
    """The place of the first value that is the same, else of one that differs as 1 and 1.0 do."""
    for text in (identity, loose_identity):
        texts = list(map(text, values))
        if text(value) in texts:
            return texts.index(text(value))
    return None


def _bisected(distribution: Distribution, axis: FloatAxis | IntAxis, value: float) -> float:
    """The point, by bisection, where the values along an axis pass ``value``."""
    low, high = axis.low, axis.high
    rising = distribution.at(high) >= distribution.at(low)
    for _ in range(HALVINGS):
        middle = (low + high) // 2 if isinstance(axis, IntAxis) else _middle(axis, low, high)
        if middle in (low, high):
            break
        if (distribution.at(middle) >= value) is rising:
            high = middle
        else:
            low = middle
    return low if close(distribution.at(low), value) else high


def _middle(axis: Axis, low: float, high: float) -> float:
    if isinstance(axis, FloatAxis) and axis.log:
        return math.sqrt(low) * math.sqrt(high)
    return low + (high - low) / 2
